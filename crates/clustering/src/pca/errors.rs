//! What can go wrong in a principal component analysis.

use crate::error::InputError;

/// Messages fit behind "failed to reduce the features: ".
#[derive(Debug, thiserror::Error)]
pub enum PcaError {
    /// The rows cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A parameter is outside its range.
    #[error("{name} must be {expected}, found {found}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// Its range.
        expected: String,
        /// The value found.
        found: String,
    },
    /// One row has no variance.
    #[error("one row has no variance; give at least two")]
    OneRow,
    /// All rows are equal.
    #[error("all features are constant; there is no direction to project on")]
    Constant,
}
