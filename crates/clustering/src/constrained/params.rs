//! Parameters of size-constrained k-means, unchecked and checked. Errors and starts are those of k-means.

use crate::k_means::params::at_least_one;
use crate::k_means::{KMeansError, KMeansParams, Start};
use crate::scalar::Scalar;

/// The least number of rows that a cluster holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MinSize {
    /// This many, at least 1.
    Rows(usize),
    /// `n_k ≥ N / (K ρ)` (debLoRA, the constraint of its clustering), `rho` at least 1; 1 asks for equal sizes.
    ///
    /// Sizes are whole numbers, so the bound is rounded up. Where `K` clusters of that size are more rows than there are (only near
    /// `rho = 1`, when `K` does not divide `N`), it is `N / K` rounded down: the sizes then differ by as little as they can from below.
    Balance {
        /// The balance factor.
        rho: f64,
    },
}

impl MinSize {
    /// The bound for `rows` rows in `clusters` clusters.
    ///
    /// # Errors
    /// When the bound is 0, `rho` is below 1 or not finite, or the clusters would need more rows than there are.
    pub fn resolve(self, rows: usize, clusters: usize) -> Result<usize, KMeansError> {
        at_least_one("clusters", clusters)?;
        let min_size = match self {
            Self::Rows(size) => {
                at_least_one("the least size of a cluster", size)?;
                size
            }
            Self::Balance { rho } => {
                if !(rho.is_finite() && rho >= 1.0) {
                    return Err(KMeansError::Parameter {
                        name: "rho",
                        expected: "a finite number, at least 1 (below 1, the clusters would need more rows than there are)",
                        found: rho.to_string(),
                    });
                }
                let bound = rows as f64 / (clusters as f64 * rho);
                // 12 / (3 * 1.0) may come out as 4.000000000000001.
                let up = (bound * (1.0 - 1e-12)).ceil().max(1.0) as usize;
                if up.saturating_mul(clusters) <= rows {
                    up
                } else {
                    (rows / clusters).max(1)
                }
            }
        };
        if min_size.checked_mul(clusters).is_none_or(|n| n > rows) {
            return Err(KMeansError::Infeasible {
                rows,
                clusters,
                min_size,
            });
        }
        Ok(min_size)
    }
}

/// What the assignment step minimises the sum of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AssignmentCost {
    /// Squared distances: the objective of k-means and of the paper. Every step lowers the inertia.
    #[default]
    Squared,
    /// Distances, as the Python package `k-means-constrained` 0.9.1 does. The inertia may rise from step to step.
    Distance,
}

/// Parameters as a user writes them; [`ConstrainedParams::check`] makes them usable. Defaults are those of [`KMeansParams`].
#[derive(Debug, Clone)]
pub struct ConstrainedParams<T> {
    pub(crate) base: KMeansParams<T>,
    pub(crate) min_size: MinSize,
    pub(crate) cost: AssignmentCost,
}

impl<T: Scalar> ConstrainedParams<T> {
    /// Defaults for `clusters` clusters of at least `min_size` rows.
    pub fn new(clusters: usize, min_size: MinSize) -> Self {
        Self {
            base: KMeansParams::new(clusters),
            min_size,
            cost: AssignmentCost::default(),
        }
    }

    /// Where the centres begin; k-means++ over all rows by default.
    pub fn start(mut self, start: Start<T>) -> Self {
        self.base = self.base.start(start);
        self
    }

    /// As [`KMeansParams::restarts`].
    pub fn restarts(mut self, restarts: usize) -> Self {
        self.base = self.base.restarts(restarts);
        self
    }

    /// As [`KMeansParams::max_iterations`].
    pub fn max_iterations(mut self, iterations: usize) -> Self {
        self.base = self.base.max_iterations(iterations);
        self
    }

    /// As [`KMeansParams::tolerance`].
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.base = self.base.tolerance(tolerance);
        self
    }

    /// What the assignment step minimises.
    pub fn cost(mut self, cost: AssignmentCost) -> Self {
        self.cost = cost;
        self
    }

    /// Checks every range that does not depend on the rows.
    ///
    /// # Errors
    /// Names the parameter, its range and the value found.
    pub fn check(self) -> Result<ValidConstrained<T>, KMeansError> {
        let base = self.base.check()?.0;
        if let bad @ (MinSize::Rows(0) | MinSize::Balance { .. }) = self.min_size {
            // Any number of rows that suffices for the range of the parameter itself.
            bad.resolve(base.clusters, base.clusters)?;
        }
        Ok(ValidConstrained(Self { base, ..self }))
    }
}

/// Checked parameters: what [`ValidConstrained::fit`] needs.
#[derive(Debug, Clone)]
pub struct ValidConstrained<T>(pub(crate) ConstrainedParams<T>);
