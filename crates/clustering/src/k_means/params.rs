//! Parameters of k-means, unchecked and checked.

use super::errors::KMeansError;
use super::init::Start;
use crate::scalar::Scalar;

/// Parameters as a user writes them; [`KMeansParams::check`] makes them usable.
///
/// Defaults are those of scikit-learn: k-means++, one start, 300 iterations, tolerance 1e-4.
#[derive(Debug, Clone)]
pub struct KMeansParams<T> {
    pub(crate) clusters: usize,
    pub(crate) start: Start<T>,
    pub(crate) restarts: usize,
    pub(crate) max_iterations: usize,
    pub(crate) tolerance: f64,
}

impl<T: Scalar> KMeansParams<T> {
    /// Defaults for `clusters` clusters, at least 1.
    pub fn new(clusters: usize) -> Self {
        Self {
            clusters,
            start: Start::default(),
            restarts: 1,
            max_iterations: 300,
            tolerance: 1e-4,
        }
    }

    /// Where the centres begin; k-means++ over all rows by default.
    pub fn start(mut self, start: Start<T>) -> Self {
        self.start = start;
        self
    }

    /// How many times to begin anew, at least 1; the run of least inertia is kept. Given centres are run once.
    pub fn restarts(mut self, restarts: usize) -> Self {
        self.restarts = restarts;
        self
    }

    /// The most iterations per run, at least 1.
    pub fn max_iterations(mut self, iterations: usize) -> Self {
        self.max_iterations = iterations;
        self
    }

    /// A run ends when the squared movement of all centres together is at most this fraction of the mean variance of the
    /// features; at least 0. With 0 it ends when no row changes its cluster.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the parameter, its range and the value found.
    pub fn check(self) -> Result<ValidKMeans<T>, KMeansError> {
        at_least_one("clusters", self.clusters)?;
        at_least_one("restarts", self.restarts)?;
        at_least_one("max_iterations", self.max_iterations)?;
        if !(self.tolerance.is_finite() && self.tolerance >= 0.0) {
            return Err(KMeansError::Parameter {
                name: "tolerance",
                expected: "a finite number, at least 0",
                found: self.tolerance.to_string(),
            });
        }
        Ok(ValidKMeans(self))
    }
}

/// Checked parameters: what [`ValidKMeans::fit`] needs.
#[derive(Debug, Clone)]
pub struct ValidKMeans<T>(pub(crate) KMeansParams<T>);

pub(crate) fn at_least_one(name: &'static str, found: usize) -> Result<(), KMeansError> {
    if found == 0 {
        return Err(KMeansError::Parameter {
            name,
            expected: "at least 1",
            found: found.to_string(),
        });
    }
    Ok(())
}
