//! What can be wrong with an experiment file.

use std::path::PathBuf;

/// Errors of reading experiment files; each names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML: {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: Box<toml::de::Error>,
    },
    /// A key is unknown, is missing or has the wrong type.
    #[error("{path} (merged with its table and the defaults): {source}")]
    Schema {
        /// The row's file.
        path: PathBuf,
        /// The key and the reason.
        source: Box<toml::de::Error>,
    },
    /// A value is out of its range.
    #[error("{path}: `{key}` is {found}; expected {expected}")]
    Value {
        /// The row's file.
        path: PathBuf,
        /// The dotted key.
        key: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// No row of that name.
    #[error("no experiment `{asked}`; nearest: {nearest} (`repro list` shows all)")]
    UnknownRow {
        /// What was asked for.
        asked: String,
        /// Names that look like it.
        nearest: String,
    },
}
