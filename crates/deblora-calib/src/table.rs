//! Checked tables of features and labels.

use clustering::Scalar;

use crate::error::CalibError;

/// A borrowed table, `[rows, dim]` row-major, all of it finite.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a, T> {
    values: &'a [T],
    dim: usize,
}

impl<'a, T: Scalar> Features<'a, T> {
    /// `values` as rows of `dim` features; `what` names the table in errors.
    ///
    /// # Errors
    /// When it is empty, ragged, or holds NaN or infinity.
    pub fn new(what: &'static str, values: &'a [T], dim: usize) -> Result<Self, CalibError> {
        if dim == 0 || values.is_empty() {
            return Err(CalibError::Empty { what });
        }
        if !values.len().is_multiple_of(dim) {
            return Err(CalibError::Length {
                what,
                expected: format!("a multiple of {dim}, the number of features"),
                found: values.len(),
            });
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(CalibError::NonFinite {
                what,
                row: at / dim,
                column: at % dim,
                value: values[at].to_f64(),
            });
        }
        Ok(Self { values, dim })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Features per row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All values.
    pub fn values(&self) -> &'a [T] {
        self.values
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, index: usize) -> &'a [T] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }
}

/// The class of every row, `0..count`.
#[derive(Debug, Clone, Copy)]
pub struct Classes<'a> {
    labels: &'a [usize],
    count: usize,
}

impl<'a> Classes<'a> {
    /// `labels` below `count`. A class may be absent.
    ///
    /// # Errors
    /// When a label is outside, or there is none.
    pub fn new(labels: &'a [usize], count: usize) -> Result<Self, CalibError> {
        if labels.is_empty() {
            return Err(CalibError::Empty {
                what: "the list of classes",
            });
        }
        match labels.iter().position(|&l| l >= count) {
            Some(row) => Err(CalibError::Label {
                what: "class",
                row,
                label: labels[row],
                count,
            }),
            None => Ok(Self { labels, count }),
        }
    }

    /// Number of classes.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The class of every row.
    pub fn labels(&self) -> &'a [usize] {
        self.labels
    }

    /// Rows per class, `n_c`.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        for &label in self.labels {
            sizes[label] += 1;
        }
        sizes
    }

    /// Checks that there is one class per row of `features`.
    pub(crate) fn fit<T: Scalar>(&self, features: &Features<'_, T>) -> Result<(), CalibError> {
        same_length("the list of classes", self.labels.len(), features.rows())
    }
}

/// The cluster of every row, `0..count`; `None` is noise (DBSCAN).
#[derive(Debug, Clone, Copy)]
pub struct Clusters<'a> {
    labels: &'a [Option<u32>],
    count: usize,
}

impl<'a> Clusters<'a> {
    /// `labels` below `count`. A cluster may be empty.
    ///
    /// # Errors
    /// When a label is outside, or there is none.
    pub fn new(labels: &'a [Option<u32>], count: usize) -> Result<Self, CalibError> {
        if labels.is_empty() {
            return Err(CalibError::Empty {
                what: "the list of clusters",
            });
        }
        let outside = |l: &Option<u32>| l.is_some_and(|l| l as usize >= count);
        match labels.iter().position(outside) {
            Some(row) => Err(CalibError::Label {
                what: "cluster",
                row,
                label: labels[row].unwrap_or_default() as usize,
                count,
            }),
            None => Ok(Self { labels, count }),
        }
    }

    /// Number of clusters.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The cluster of every row.
    pub fn labels(&self) -> &'a [Option<u32>] {
        self.labels
    }

    pub(crate) fn fit(&self, rows: usize) -> Result<(), CalibError> {
        same_length("the list of clusters", self.labels.len(), rows)
    }
}

fn same_length(what: &'static str, found: usize, rows: usize) -> Result<(), CalibError> {
    if found != rows {
        return Err(CalibError::Length {
            what,
            expected: format!("{rows}, one per row"),
            found,
        });
    }
    Ok(())
}
