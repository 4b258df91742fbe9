//! Opening a data set and dividing it as an experiment says.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rs_datasets::{
    Dataset, LabelTable, Split, SyntheticConfig, SyntheticScenes, catalog, stratified,
};

use super::RunError;
use crate::experiment::{DataConfig, SplitConfig};

/// Seed of the synthetic scenes; the split is what a run's seed draws.
const SCENES: u64 = 20_26;

/// Opens the data set of a row. `folder` is what the user gave with `--data`.
///
/// # Errors
/// [`RunError::NoData`] without a folder, [`RunError::Data`] for whatever reading gives.
pub(crate) fn open(
    row: &str,
    config: &DataConfig,
    folder: Option<&Path>,
) -> Result<Arc<dyn Dataset>, RunError> {
    if config.dataset == "synthetic" {
        let scenes = SyntheticConfig::balanced(config.per_class.unwrap_or(40), SCENES);
        return Ok(Arc::new(SyntheticScenes::classification(scenes)?));
    }
    let path = locate(row, config.path.as_deref().unwrap_or_default(), folder)?;
    Ok(Arc::from(catalog::open(&config.dataset, &path)?))
}

/// The split of one seed: parts `train` and `test`.
///
/// # Errors
/// As [`open`], and when a fraction leaves a part empty.
pub(crate) fn split(
    row: &str,
    config: &DataConfig,
    dataset: &dyn Dataset,
    seed: u64,
    folder: Option<&Path>,
) -> Result<Split, RunError> {
    let table = LabelTable::of(dataset)?;
    let name = format!("{}-seed{seed}", dataset.name());
    Ok(match &config.split {
        SplitConfig::Published => Split::published(dataset)?,
        SplitConfig::Repeated { test } => stratified(
            &table,
            &name,
            &[("test", *test), ("train", 1.0 - *test)],
            seed,
        )?,
        SplitConfig::Holdout {
            test,
            split_seed,
            label_fraction,
            reserve,
        } => {
            let table = match reserve {
                Some(path) => without(&table, &locate(row, path, folder)?)?,
                None => table,
            };
            let fixed = stratified(
                &table,
                &name,
                &[("test", *test), ("train", 1.0 - *test)],
                *split_seed,
            )?;
            fixed.label_fraction("train", &table, *label_fraction, seed)?
        }
    })
}

/// The table without the ids of the 13-band EuroSAT data set at `path`.
pub(crate) fn without(table: &LabelTable, path: &Path) -> Result<LabelTable, RunError> {
    let reserved = catalog::open("eurosat_ms", path)?;
    let ids: HashSet<&str> = (0..reserved.len())
        .map(|index| reserved.id(index))
        .collect();
    Ok(table.filter(|id| !ids.contains(id))?)
}

fn locate(row: &str, path: &str, folder: Option<&Path>) -> Result<PathBuf, RunError> {
    match folder {
        Some(folder) => Ok(folder.join(path)),
        None => Err(RunError::NoData {
            row: row.into(),
            needs: path.into(),
        }),
    }
}
