//! The data set that a command works on.

use std::path::PathBuf;

use rs_peft::adapt::layout;
use rs_peft::rs_datasets::{DataError, Dataset, LabelTable, Task, catalog};

/// Where a data set is and how it is laid out.
#[derive(clap::Args)]
pub(crate) struct DataSource {
    /// Folder with a folder per class, zip of one, or CSV or TOML manifest; with --dataset the folder of that data set.
    pub(crate) data: PathBuf,
    /// Name of a data set whose layout DATA has, e.g. eurosat_ms; `rs-peft data list` lists them.
    #[arg(long)]
    pub(crate) dataset: Option<String>,
}

impl DataSource {
    /// Lists the samples; no image but the first is decoded.
    pub(crate) fn open(&self) -> Result<Box<dyn Dataset>, DataError> {
        let name = match &self.dataset {
            Some(name) => name.as_str(),
            None => layout(&self.data),
        };
        catalog::open(name, &self.data)
    }
}

/// Ids with their class; those of tasks without a class per image all in one.
pub(super) fn labels(dataset: &dyn Dataset) -> Result<LabelTable, DataError> {
    match dataset.info().task {
        Task::Classification => LabelTable::of(dataset),
        Task::Segmentation | Task::OrientedDetection => LabelTable::unlabelled(dataset),
    }
}

/// A task in one word.
pub(crate) fn task_name(task: Task) -> &'static str {
    match task {
        Task::Classification => "classification",
        Task::Segmentation => "segmentation",
        Task::OrientedDetection => "detection",
    }
}
