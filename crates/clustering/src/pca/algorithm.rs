//! Principal components as scikit-learn's `PCA` gives them, from the covariance matrix.

use super::eigen::symmetric;
use super::errors::PcaError;
use super::params::{Components, ValidPca};
use crate::error::{InputError, reserve};
use crate::moments::means;
use crate::pass::{Plan, add_up, over_blocks};
use crate::product::{add_gram, inner_products};
use crate::rows::{Matrix, RowSource};
use crate::scalar::Scalar;

/// A fitted projection.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    mean: Vec<f64>,
    components: Vec<f64>,
    variance: Vec<f64>,
    total_variance: f64,
    rows: usize,
    whiten: bool,
}

impl ValidPca {
    /// The directions of largest variance, from the eigenvectors of the `[dim, dim]` covariance in f64.
    ///
    /// One pass over the rows for the mean, one for the covariance; about `4 dim³` operations for the eigenvectors. As with
    /// scikit-learn's solver `covariance_eigh`, variances below about 1e-15 of the largest are lost to rounding. The sign of a component is
    /// such that its entry of largest size is positive. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// Fewer than two rows, NaN or infinite features, constant features, more components than rows or features, a file that cannot
    /// be read.
    pub fn fit<T: Scalar, S: RowSource<T> + ?Sized>(&self, rows: &S) -> Result<Pca, PcaError> {
        let mean = means(rows)?;
        let (n, dim) = (rows.rows(), rows.dim());
        if n < 2 {
            return Err(PcaError::OneRow);
        }
        if let Components::Count(count) = self.0.components
            && count > n.min(dim)
        {
            return Err(PcaError::Parameter {
                name: "components",
                expected: format!("at most {} (rows {n}, features {dim})", n.min(dim)),
                found: count.to_string(),
            });
        }
        let covariance = covariance(rows, &mean)?;
        let trace: f64 = (0..dim).map(|j| covariance[j * dim + j]).sum();
        if !trace.is_finite() {
            return Err(InputError::Range { row: 0 }.into());
        }
        let length: f64 = mean.iter().map(|m| m * m).sum();
        if trace <= (n as f64 * f64::EPSILON).powi(2) * length {
            return Err(PcaError::Constant);
        }
        let (mut values, mut vectors) = symmetric(covariance, dim);
        values.truncate(n.min(dim));
        values.iter_mut().for_each(|v| *v = v.max(0.0));
        let total: f64 = values.iter().sum();
        let kept = match self.0.components {
            Components::Count(count) => count,
            Components::Variance(fraction) => {
                let mut sum = 0.0;
                let reached = |v: &f64| {
                    sum += v / total;
                    sum > fraction
                };
                values
                    .iter()
                    .position(reached)
                    .map_or(values.len(), |i| i + 1)
            }
        };
        values.truncate(kept);
        vectors.truncate(kept * dim);
        for vector in vectors.chunks_exact_mut(dim) {
            let largest =
                vector.iter().fold(
                    0.0f64,
                    |largest, &x| {
                        if x.abs() > largest.abs() { x } else { largest }
                    },
                );
            if largest < 0.0 {
                vector.iter_mut().for_each(|x| *x = -*x);
            }
        }
        Ok(Pca {
            mean,
            components: vectors,
            variance: values,
            total_variance: total,
            rows: n,
            whiten: self.0.whiten,
        })
    }
}

/// `Σ (x − m)(x − m)ᵀ / (n − 1)`, `[dim, dim]`.
fn covariance<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &S,
    mean: &[f64],
) -> Result<Vec<f64>, InputError> {
    let dim = rows.dim();
    let size = dim.checked_mul(dim);
    // Asked for once beforehand, so that too wide a table is an error.
    drop(reserve(
        "the covariance",
        size,
        0.0f64,
        "use fewer features",
    )?);
    let size = size.unwrap_or_default();
    let chunks = over_blocks(
        rows,
        &[],
        Plan::new(rows.rows(), dim, size),
        |_| (vec![0.0; size], Vec::new()),
        |(sums, centred): &mut (Vec<f64>, Vec<f64>), _, block: &[T]| {
            centred.clear();
            for row in block.chunks_exact(dim) {
                centred.extend(row.iter().zip(mean).map(|(x, m)| x.to_f64() - m));
            }
            add_gram(centred, dim, sums);
            Ok::<_, InputError>(())
        },
    )?;
    let mut sum = add_up(chunks.into_iter().map(|(sums, _)| sums));
    let divisor = (rows.rows() - 1) as f64;
    sum.iter_mut().for_each(|s| *s /= divisor);
    Ok(sum)
}

impl Pca {
    /// Mean of every feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The directions, `[components, dim]` row-major, of length 1, largest variance first.
    pub fn components(&self) -> &[f64] {
        &self.components
    }

    /// Variance along each direction, divided by the number of rows less one.
    pub fn explained_variance(&self) -> &[f64] {
        &self.variance
    }

    /// The same as fractions of the variance of all directions.
    pub fn explained_variance_ratio(&self) -> Vec<f64> {
        self.variance
            .iter()
            .map(|v| v / self.total_variance)
            .collect()
    }

    /// Singular values of the centred table that belong to the directions.
    pub fn singular_values(&self) -> Vec<f64> {
        let factor = (self.rows - 1) as f64;
        self.variance.iter().map(|v| (v * factor).sqrt()).collect()
    }

    /// Projects rows, `[rows, dim]`, to `[rows, components]`.
    ///
    /// # Errors
    /// When the length is no multiple of the number of features.
    pub fn transform<T: Scalar>(&self, rows: &[T]) -> Result<Vec<T>, InputError> {
        let dim = self.mean.len();
        let kept = self.variance.len();
        let n = Matrix::new(rows, dim)?.rows();
        let centred: Vec<f64> = rows
            .iter()
            .zip(self.mean.iter().cycle())
            .map(|(x, m)| x.to_f64() - m)
            .collect();
        let mut projected = vec![0.0; n * kept];
        inner_products(&centred, &self.components, dim, &mut projected);
        for row in projected.chunks_exact_mut(kept) {
            for (x, scale) in row.iter_mut().zip(self.scales()) {
                *x /= scale;
            }
        }
        Ok(projected.into_iter().map(T::from_f64).collect())
    }

    /// The way back: `[rows, components]` to `[rows, dim]`, without what the left-out directions held.
    ///
    /// # Errors
    /// When the length is no multiple of the number of components.
    pub fn inverse_transform<T: Scalar>(&self, rows: &[T]) -> Result<Vec<T>, InputError> {
        let dim = self.mean.len();
        let kept = self.variance.len();
        Matrix::new(rows, kept)?;
        let mut result = Vec::with_capacity(rows.len() / kept * dim);
        for row in rows.chunks_exact(kept) {
            let mut sum = self.mean.clone();
            let directions = self.components.chunks_exact(dim);
            for ((x, scale), direction) in row.iter().zip(self.scales()).zip(directions) {
                for (s, d) in sum.iter_mut().zip(direction) {
                    *s += x.to_f64() * scale * d;
                }
            }
            result.extend(sum.into_iter().map(T::from_f64));
        }
        Ok(result)
    }

    /// What projections are divided by: their deviations when whitened (never less than rounding of the largest), else 1.
    fn scales(&self) -> impl Iterator<Item = f64> + '_ {
        let least = self.variance.first().map_or(0.0, |v| v.sqrt()) * f64::EPSILON;
        self.variance.iter().map(move |v| {
            if self.whiten {
                v.sqrt().max(least)
            } else {
                1.0
            }
        })
    }
}
