//! What can stop a run.

use std::path::PathBuf;

/// Errors of running an experiment.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Reading or transforming images.
    #[error(transparent)]
    Data(#[from] rs_datasets::DataError),
    /// The backbone.
    #[error(transparent)]
    Backbone(#[from] vit_backbone::BackboneError),
    /// The adapter.
    #[error(transparent)]
    Peft(#[from] peft_lora::PeftError),
    /// DEFLECT, or the description of the bands.
    #[error(transparent)]
    Deflect(#[from] deflect::DeflectError),
    /// The head or a probe.
    #[error(transparent)]
    Head(#[from] heads::HeadError),
    /// Clustering of features.
    #[error(transparent)]
    Clustering(#[from] clustering::k_means::KMeansError),
    /// Clustering of features by density.
    #[error(transparent)]
    Density(#[from] clustering::dbscan::DbscanError),
    /// Principal components of features.
    #[error(transparent)]
    Components(#[from] clustering::pca::PcaError),
    /// Rows that cannot be clustered.
    #[error(transparent)]
    ClusteringInput(#[from] clustering::InputError),
    /// Calibration of features.
    #[error(transparent)]
    Calibration(#[from] deblora_calib::CalibError),
    /// The training loop.
    #[error(transparent)]
    Training(#[from] training::TrainError),
    /// Metrics, records, reports.
    #[error(transparent)]
    Eval(#[from] eval::EvalError),
    /// The choice of backend.
    #[error(transparent)]
    Backend(#[from] crate::BackendError),
    /// An experiment file.
    #[error(transparent)]
    Experiment(#[from] crate::ExperimentError),
    /// A row needs imagery and no data directory was given.
    #[error("`{row}` needs real imagery: give the folder that holds `{needs}` with --data DIR")]
    NoData {
        /// The row.
        row: String,
        /// What is looked for in the data directory.
        needs: String,
    },
    /// The weights do not say how their input is made.
    #[error(
        "{path}: {detail}; a checkpoint used in an experiment carries its band statistics as JSON in the metadata entry `input` \
         (`rs-peft pretrain` writes it)"
    )]
    WeightsInput {
        /// The checkpoint.
        path: PathBuf,
        /// What is missing or wrong.
        detail: String,
    },
    /// No model of the zoo has that name.
    #[error("`backbone.model` is `{name}`; expected one of {known}")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The models there are.
        known: String,
    },
    /// Reading or writing a file of the run.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of the run is not what was written.
    #[error("{path} cannot be read: {source}; delete it to run that seed again")]
    Json {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: serde_json::Error,
    },
    /// A program of the scheduler refused, or is not there.
    #[error("{command}: {detail}; {remedy}")]
    Slurm {
        /// The program.
        command: String,
        /// What it said.
        detail: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Runs that were handed to the scheduler before have not ended.
    #[error(
        "jobs {} of an earlier submission still wait or run; wait for them (`squeue`), or take them out with `scancel`",
        jobs.join(", ")
    )]
    StillQueued {
        /// Their numbers.
        jobs: Vec<String>,
    },
    /// Another process is submitting the same runs.
    #[error(
        "another process submits the runs of {folder} at this moment; wait for it, or choose another --out"
    )]
    Busy {
        /// The folder of the submission.
        folder: PathBuf,
    },
    /// A result is not the bytes that were written.
    #[error(
        "{path} is not what was written: its checksum differs; delete it to run that seed again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Some runs failed; the others are kept.
    #[error("{failed} of {all} runs failed; the first one, {first}, says:\n{log}")]
    Failed {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
        /// Row and seed of the first failure.
        first: String,
        /// The end of its log.
        log: String,
    },
}
