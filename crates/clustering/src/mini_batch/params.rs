//! Parameters of mini-batch k-means, unchecked and checked. Errors and starts are those of k-means.

use crate::k_means::{KMeansError, Start};
use crate::scalar::Scalar;

/// Parameters as a user writes them; [`MiniBatchParams::check`] makes them usable. Defaults are those of scikit-learn.
#[derive(Debug, Clone)]
pub struct MiniBatchParams<T> {
    pub(crate) clusters: usize,
    pub(crate) start: Start<T>,
    pub(crate) batch: usize,
    pub(crate) max_epochs: usize,
    pub(crate) patience: Option<usize>,
    pub(crate) tolerance: f64,
    pub(crate) reassignment: f64,
}

impl<T: Scalar> MiniBatchParams<T> {
    /// Defaults for `clusters` clusters: batches of 1024 rows, k-means++ over three batches (or three times the clusters, if that
    /// is more), at most 100 epochs, 10 batches without improvement.
    pub fn new(clusters: usize) -> Self {
        Self {
            clusters,
            start: Start::PlusPlus {
                sample: Some(3usize.saturating_mul(clusters.max(1024))),
            },
            batch: 1024,
            max_epochs: 100,
            patience: Some(10),
            tolerance: 0.0,
            reassignment: 0.01,
        }
    }

    /// Where the centres begin.
    pub fn start(mut self, start: Start<T>) -> Self {
        self.start = start;
        self
    }

    /// Rows per batch, at least 1, drawn with replacement.
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows;
        self
    }

    /// The most batches, as multiples of the number of rows, at least 1.
    pub fn max_epochs(mut self, epochs: usize) -> Self {
        self.max_epochs = epochs;
        self
    }

    /// End after this many batches without a smaller running inertia; `None` never ends for this reason.
    pub fn patience(mut self, batches: Option<usize>) -> Self {
        self.patience = batches;
        self
    }

    /// End when the running squared movement of all centres is at most this fraction of the mean variance of the features; 0
    /// never ends for this reason.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// From time to time, centres that have seen less than this fraction of the rows of the busiest centre begin anew at a random
    /// row; 0 to 1, and 0 switches it off.
    pub fn reassignment(mut self, ratio: f64) -> Self {
        self.reassignment = ratio;
        self
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the parameter, its range and the value found.
    pub fn check(self) -> Result<ValidMiniBatch<T>, KMeansError> {
        use crate::k_means::params::at_least_one;
        at_least_one("clusters", self.clusters)?;
        at_least_one("batch", self.batch)?;
        at_least_one("max_epochs", self.max_epochs)?;
        at_least_one("patience", self.patience.unwrap_or(1))?;
        if !(self.tolerance.is_finite() && self.tolerance >= 0.0) {
            return Err(KMeansError::Parameter {
                name: "tolerance",
                expected: "a finite number, at least 0",
                found: self.tolerance.to_string(),
            });
        }
        if !(0.0..=1.0).contains(&self.reassignment) {
            return Err(KMeansError::Parameter {
                name: "reassignment",
                expected: "0 to 1",
                found: self.reassignment.to_string(),
            });
        }
        Ok(ValidMiniBatch(self))
    }
}

/// Checked parameters: what [`ValidMiniBatch::fit`] needs.
#[derive(Debug, Clone)]
pub struct ValidMiniBatch<T>(pub(crate) MiniBatchParams<T>);
