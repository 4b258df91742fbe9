//! What can be wrong with a line.

use crate::BoxError;

/// A line that cannot be understood.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: LineProblem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LineProblem {
    /// Too few or too many fields.
    #[error("expected {expected}, found {found} fields; correct or remove the line")]
    Fields {
        /// The fields of such a line.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A field is no number.
    #[error("expected a number for {what}, found `{found}`; correct or remove the line")]
    Number {
        /// Which field.
        what: &'static str,
        /// The text found.
        found: String,
    },
    /// A number is outside its range.
    #[error("{what} is {found}; expected {expected}")]
    Range {
        /// Which field.
        what: &'static str,
        /// The text found.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// Corners that are no quadrilateral.
    #[error(transparent)]
    Corners(#[from] BoxError),
}
