//! What can go wrong in HDBSCAN.

use crate::error::InputError;

/// Messages fit behind "failed to cluster: ".
#[derive(Debug, thiserror::Error)]
pub enum HdbscanError {
    /// The rows cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A parameter is outside its range.
    #[error("{name} must be {expected}, found {found}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value found.
        found: String,
    },
    /// There are fewer rows than neighbours asked for.
    #[error(
        "{rows} rows have no {min_samples} neighbours each; give more rows or lower min_samples"
    )]
    FewerRows {
        /// Rows found.
        rows: usize,
        /// Neighbours asked for, the row itself among them.
        min_samples: usize,
    },
}
