//! What can stop an adaptation.

use std::path::PathBuf;

/// Errors of `adapt`.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// What was asked for cannot be, whatever the files hold.
    #[error("{what}: found {found}; expected {expected}")]
    Usage {
        /// The flag or key.
        what: String,
        /// What was given.
        found: String,
        /// What may be given.
        expected: String,
    },
    /// Another process works on the same output.
    #[error("another process is writing {path}; wait for it, or give another --out")]
    Busy {
        /// The output.
        path: PathBuf,
    },
    /// Reading or writing a file.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An experiment file.
    #[error(transparent)]
    Experiment(#[from] crate::ExperimentError),
    /// The images.
    #[error(transparent)]
    Data(#[from] rs_datasets::DataError),
    /// The backbone.
    #[error(transparent)]
    Backbone(#[from] vit_backbone::BackboneError),
    /// The method.
    #[error(transparent)]
    Peft(#[from] peft_lora::PeftError),
    /// The run.
    #[error(transparent)]
    Run(#[from] crate::RunError),
    /// The model directory.
    #[error(transparent)]
    Adapted(#[from] crate::AdaptedError),
}

impl AdaptError {
    /// A usage error.
    pub(super) fn usage(
        what: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Usage {
            what: what.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}
