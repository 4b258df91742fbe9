//! Standardisation as scikit-learn's `StandardScaler` does it.

use crate::error::InputError;
use crate::moments::{means, variances};
use crate::rows::{Matrix, RowSource};
use crate::scalar::Scalar;

/// Mean and standard deviation of every feature, from a table; makes other tables comparable with it.
///
/// It has no parameters and only the errors of its input, so it is one file.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardScaler {
    mean: Vec<f64>,
    variance: Vec<f64>,
    scale: Vec<f64>,
}

impl StandardScaler {
    /// From all rows. The variance is divided by the number of rows; features that are constant up to rounding get scale 1.
    ///
    /// # Errors
    /// No rows, NaN or infinite features, a file that cannot be read.
    pub fn fit<T: Scalar, S: RowSource<T> + ?Sized>(rows: &S) -> Result<Self, InputError> {
        let mean = means(rows)?;
        let variance = variances(rows, &mean)?;
        let n = rows.rows() as f64;
        let scale = mean
            .iter()
            .zip(&variance)
            .map(|(&m, &v)| {
                // What the two-pass formula may give for a constant (Chan, Golub and LeVeque 1983).
                let rounding = n * f64::EPSILON * v + (n * m * f64::EPSILON).powi(2);
                if v <= rounding { 1.0 } else { v.sqrt() }
            })
            .collect();
        Ok(Self {
            mean,
            variance,
            scale,
        })
    }

    /// Mean of every feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance of every feature.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// What every feature is divided by.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// `(x − mean) / scale` in place, on `[rows, dim]` row-major.
    ///
    /// # Errors
    /// When the length is no multiple of the number of features.
    pub fn transform<T: Scalar>(&self, rows: &mut [T]) -> Result<(), InputError> {
        self.apply(rows, |x, mean, scale| (x - mean) / scale)
    }

    /// `x · scale + mean` in place, on `[rows, dim]` row-major: the way back.
    ///
    /// # Errors
    /// As [`StandardScaler::transform`].
    pub fn inverse_transform<T: Scalar>(&self, rows: &mut [T]) -> Result<(), InputError> {
        self.apply(rows, |x, mean, scale| x * scale + mean)
    }

    /// A source that gives the rows of another one standardised, block by block.
    ///
    /// # Errors
    /// When the source has another number of features.
    pub fn over<'a, T: Scalar, S: RowSource<T>>(
        &'a self,
        source: S,
    ) -> Result<Standardised<'a, S>, InputError> {
        if source.dim() != self.mean.len() {
            return Err(InputError::Dimension {
                expected: self.mean.len(),
                found: source.dim(),
            });
        }
        Ok(Standardised {
            scaler: self,
            source,
        })
    }

    fn apply<T: Scalar>(
        &self,
        rows: &mut [T],
        how: impl Fn(f64, f64, f64) -> f64,
    ) -> Result<(), InputError> {
        let dim = self.mean.len();
        Matrix::new(rows, dim)?;
        for row in rows.chunks_exact_mut(dim) {
            for (x, (&mean, &scale)) in row.iter_mut().zip(self.mean.iter().zip(&self.scale)) {
                *x = T::from_f64(how(x.to_f64(), mean, scale));
            }
        }
        Ok(())
    }
}

/// Rows of a source, standardised as they are read: see [`StandardScaler::over`].
#[derive(Debug, Clone)]
pub struct Standardised<'a, S> {
    scaler: &'a StandardScaler,
    source: S,
}

impl<T: Scalar, S: RowSource<T>> RowSource<T> for Standardised<'_, S> {
    fn rows(&self) -> usize {
        self.source.rows()
    }

    fn dim(&self) -> usize {
        self.source.dim()
    }

    fn read(&self, first: usize, out: &mut [T]) -> Result<(), InputError> {
        self.source.read(first, out)?;
        self.scaler.transform(out)
    }
}
