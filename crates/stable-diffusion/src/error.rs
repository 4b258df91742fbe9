//! The one error type of the crate: what was expected, what was found, what to do.

use std::path::PathBuf;

use vit_backbone::BackboneError;

use crate::PartReport;

/// Why a model could not be configured, loaded or run, or a LoRA not be read.
#[derive(Debug, thiserror::Error)]
pub enum DiffusionError {
    /// A file of weights could not be read.
    #[error(transparent)]
    Backbone(#[from] BackboneError),

    /// A directory or a file in it is not what was expected.
    #[error("{path}: {problem}; {remedy}")]
    File {
        /// The directory or file.
        path: PathBuf,
        /// What was found.
        problem: String,
        /// What to do.
        remedy: String,
    },

    /// A field of a configuration says something that no model of this crate can be.
    #[error("{}`{field}` is {found}, expected {expected}", in_file(file))]
    Config {
        /// The file it stands in, if it came from one.
        file: Option<PathBuf>,
        /// The field.
        field: String,
        /// The value found.
        found: String,
        /// What would be accepted.
        expected: String,
    },

    /// The weights of a part do not fit its configuration. Nothing was loaded.
    #[error("the weights do not fit the model: {0}")]
    Weights(Box<PartReport>),

    /// A tensor or an argument does not fit the model.
    #[error("{what} is {found}, expected {expected}")]
    Argument {
        /// The argument.
        what: &'static str,
        /// What was given.
        found: String,
        /// What would be accepted.
        expected: String,
    },

    /// A name is not that of a linear map of the U-Net.
    #[error("`{found}` addresses no linear map of the U-Net's transformer blocks; {remedy}")]
    Site {
        /// The name given.
        found: String,
        /// The nearest name, or the form of a valid one.
        remedy: String,
    },

    /// Reading or writing failed.
    #[error("{path}: {action} failed: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The cause.
        source: std::io::Error,
    },
}

fn in_file(file: &Option<PathBuf>) -> String {
    file.as_ref()
        .map_or_else(String::new, |file| format!("{}: ", file.display()))
}

impl DiffusionError {
    /// A field of a configuration that came from no file.
    pub(crate) fn config(
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config {
            file: None,
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// An argument that does not fit.
    pub(crate) fn argument(
        what: &'static str,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Argument {
            what,
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// The same error with the file it came from.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Config {
                file: None,
                field,
                found,
                expected,
            } => Self::Config {
                file: Some(path.to_owned()),
                field,
                found,
                expected,
            },
            other => other,
        }
    }
}
