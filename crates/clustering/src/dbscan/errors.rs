//! What can go wrong in DBSCAN.

use crate::error::InputError;

/// Messages fit behind "failed to cluster: ".
#[derive(Debug, thiserror::Error)]
pub enum DbscanError {
    /// The rows or weights cannot be used.
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
}
