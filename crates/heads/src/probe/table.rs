//! A checked view of features: rows of equal dimension, all finite.

use crate::HeadError;

/// Borrowed features, row-major `[rows, dim]`, checked to be finite.
///
/// Every probe takes its input as a table, so that shape and NaN errors are found once, at the door.
#[derive(Debug, Clone, Copy)]
pub struct FeatureTable<'a> {
    values: &'a [f32],
    rows: usize,
    dim: usize,
}

impl<'a> FeatureTable<'a> {
    /// A view of `values` as rows of `dim` features.
    ///
    /// # Errors
    /// [`HeadError::Empty`] without rows or features, [`HeadError::Length`] if the length is not a multiple of `dim`,
    /// [`HeadError::NonFinite`] at the first NaN or infinity.
    pub fn new(values: &'a [f32], dim: usize) -> Result<Self, HeadError> {
        if dim == 0 || values.is_empty() {
            return Err(HeadError::Empty {
                what: "the feature table",
            });
        }
        let rows = values.len() / dim;
        if rows * dim != values.len() {
            return Err(HeadError::Length {
                what: "the feature table",
                expected: (rows + 1) * dim,
                found: values.len(),
            });
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(HeadError::NonFinite {
                row: at / dim,
                column: at % dim,
                value: values[at],
            });
        }
        Ok(Self { values, rows, dim })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of features per row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All values, row-major.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// One row; `index` must be below [`rows`](Self::rows).
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }

    /// Consecutive rows `start..end`, row-major.
    pub(crate) fn block(&self, start: usize, end: usize) -> &'a [f32] {
        &self.values[start * self.dim..end * self.dim]
    }

    /// Refuses features of another dimension than the fitted one.
    pub(crate) fn expect_dim(&self, what: &'static str, expected: usize) -> Result<(), HeadError> {
        if self.dim == expected {
            return Ok(());
        }
        Err(HeadError::Dimension {
            what,
            expected,
            found: self.dim,
        })
    }
}

/// Checks labels against the class list and counts each class.
///
/// # Errors
/// [`HeadError::Length`] if there is not one label per row, [`HeadError::Label`] for a label outside the classes.
pub(crate) fn count_labels(
    labels: &[usize],
    rows: usize,
    classes: usize,
) -> Result<Vec<usize>, HeadError> {
    if labels.len() != rows {
        return Err(HeadError::Length {
            what: "the label list",
            expected: rows,
            found: labels.len(),
        });
    }
    let mut counts = vec![0; classes];
    for (row, &label) in labels.iter().enumerate() {
        let Some(count) = counts.get_mut(label) else {
            return Err(HeadError::Label {
                row,
                label: i64::try_from(label).unwrap_or(i64::MAX),
                classes,
            });
        };
        *count += 1;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_ragged_empty_and_non_finite() {
        assert!(matches!(
            FeatureTable::new(&[1.0, 2.0, 3.0], 2),
            Err(HeadError::Length { .. })
        ));
        assert!(matches!(
            FeatureTable::new(&[], 2),
            Err(HeadError::Empty { .. })
        ));
        assert!(matches!(
            FeatureTable::new(&[1.0], 0),
            Err(HeadError::Empty { .. })
        ));
        let bad = [0.0, 1.0, 2.0, f32::NAN];
        match FeatureTable::new(&bad, 2) {
            Err(HeadError::NonFinite { row, column, value }) => {
                assert!((row, column) == (1, 1) && value.is_nan());
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_the_label_outside_the_list() {
        let error = count_labels(&[0, 3], 2, 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "label 3 of row 1 is outside the 3 classes (0 to 2); fix the label or extend the class list"
        );
        assert_eq!(count_labels(&[0, 2, 2], 3, 3).unwrap(), vec![1, 0, 2]);
    }
}
