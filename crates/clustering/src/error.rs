//! What can be wrong with the rows, whatever is done with them.

use std::path::PathBuf;

/// Rows that no algorithm here can use. Messages fit behind "failed to cluster: ".
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is no row, or rows have no feature.
    #[error("there are {rows} rows of {dim} features; give at least one row with one feature")]
    Empty {
        /// Rows found.
        rows: usize,
        /// Features per row found.
        dim: usize,
    },
    /// An array does not have the length that its shape asks for.
    #[error("{what} has {found} values, expected {expected}")]
    Length {
        /// Which array.
        what: &'static str,
        /// What would have fitted.
        expected: String,
        /// What was there.
        found: usize,
    },
    /// A feature is NaN or infinite.
    #[error("feature {column} of row {row} is {value}; mask or drop the row before clustering")]
    NonFinite {
        /// Row, from 0.
        row: usize,
        /// Feature, from 0.
        column: usize,
        /// The offending value.
        value: f64,
    },
    /// Numbers so large that squared distances would not be finite.
    #[error(
        "numbers in row {row} or soon after are so large that sums overflow; rescale the features"
    )]
    Range {
        /// Row, from 0; where only sums tell, the first row of the block.
        row: usize,
    },
    /// A sample weight cannot be used.
    #[error(
        "the weight of row {row} is {value}; weights are finite, at least 0, and not all of them 0"
    )]
    Weight {
        /// Row, from 0.
        row: usize,
        /// The offending weight.
        value: f64,
    },
    /// The fitted dimension differs from that of the input.
    #[error("rows have {found} features, but {expected} were fitted")]
    Dimension {
        /// Features per row when fitted.
        expected: usize,
        /// Features per row now.
        found: usize,
    },
    /// More memory would be needed than the system gives.
    #[error("{what} needs {bytes} bytes, which cannot be allocated; {remedy}")]
    Memory {
        /// What the memory is for.
        what: &'static str,
        /// How much it is.
        bytes: u128,
        /// What to do.
        remedy: &'static str,
    },
    /// A file is not what its name or header says.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, and what to do.
        problem: String,
    },
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A vector of `length` copies of `value`, or an error where the system has no memory for it.
pub(crate) fn reserve<T: Clone>(
    what: &'static str,
    length: Option<usize>,
    value: T,
    remedy: &'static str,
) -> Result<Vec<T>, InputError> {
    let mut vector = Vec::new();
    let refused = |bytes| InputError::Memory {
        what,
        bytes,
        remedy,
    };
    let length = length.ok_or_else(|| refused(u128::MAX))?;
    vector
        .try_reserve_exact(length)
        .map_err(|_| refused(length as u128 * size_of::<T>() as u128))?;
    vector.resize(length, value);
    Ok(vector)
}

/// Checks sample weights: as many as rows, finite, at least 0, not all 0.
pub(crate) fn check_weights(weights: Option<&[f64]>, rows: usize) -> Result<(), InputError> {
    let Some(weights) = weights else {
        return Ok(());
    };
    if weights.len() != rows {
        return Err(InputError::Length {
            what: "the sample weights",
            expected: format!("{rows}, one per row"),
            found: weights.len(),
        });
    }
    for (row, &value) in weights.iter().enumerate() {
        if !(value.is_finite() && value >= 0.0) {
            return Err(InputError::Weight { row, value });
        }
    }
    if weights.iter().all(|&w| w == 0.0) {
        return Err(InputError::Weight { row: 0, value: 0.0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_memory_is_an_error() {
        for length in [None, Some(usize::MAX / 16)] {
            let error = reserve("a table", length, 0.0f64, "use fewer rows").unwrap_err();
            assert!(error.to_string().contains("use fewer rows"));
        }
    }
}
