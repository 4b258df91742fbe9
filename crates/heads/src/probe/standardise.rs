//! Standardising features with training statistics.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::FeatureTable;
use crate::HeadError;

/// Per-feature mean and standard deviation of a training set: `z = (x - mean) / std`.
///
/// The deviation is the population one (division by n), as in scikit-learn's `StandardScaler`. A feature that is
/// constant up to rounding gets `std = 1`, so it maps to zero instead of to noise blown up by a tiny divisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardiser {
    /// Mean per feature.
    pub mean: Vec<f64>,
    /// Standard deviation per feature, 1 for constant features.
    pub std: Vec<f64>,
}

impl Standardiser {
    /// The statistics of `table`, in two passes of f64.
    pub fn fit(table: &FeatureTable) -> Self {
        let (dim, n) = (table.dim(), table.rows() as f64);
        let mut mean = vec![0.0_f64; dim];
        for row in table.values().chunks_exact(dim) {
            for (m, &x) in mean.iter_mut().zip(row) {
                *m += f64::from(x);
            }
        }
        for m in &mut mean {
            *m /= n;
        }
        let mut variance = vec![0.0_f64; dim];
        for row in table.values().chunks_exact(dim) {
            for ((v, m), &x) in variance.iter_mut().zip(&mean).zip(row) {
                let d = f64::from(x) - m;
                *v += d * d;
            }
        }
        let std = variance
            .iter()
            .zip(&mean)
            .map(|(v, m)| {
                let v = v / n;
                // The bound of scikit-learn's `_is_constant_feature`: what rounding of the mean alone can produce.
                let bound = n * f64::EPSILON * v + (n * m * f64::EPSILON).powi(2);
                if v <= bound { 1.0 } else { v.sqrt() }
            })
            .collect();
        Self { mean, std }
    }

    /// The map that changes nothing.
    pub fn identity(dim: usize) -> Self {
        Self {
            mean: vec![0.0; dim],
            std: vec![1.0; dim],
        }
    }

    /// The feature dimension.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Standardised copy of `table`, row-major `[rows, dim]`.
    ///
    /// # Errors
    /// [`HeadError::Dimension`] if the table has another dimension.
    pub fn apply(&self, table: &FeatureTable) -> Result<Vec<f32>, HeadError> {
        table.expect_dim("standardiser", self.dim())?;
        let mut out = vec![0.0_f32; table.values().len()];
        out.par_chunks_mut(self.dim())
            .zip(table.values().par_chunks(self.dim()))
            .with_min_len(64)
            .for_each(|(target, row)| {
                for (((t, &x), m), s) in target.iter_mut().zip(row).zip(&self.mean).zip(&self.std) {
                    *t = ((f64::from(x) - m) / s) as f32;
                }
            });
        Ok(out)
    }

    /// Refuses statistics that cannot be divided by.
    ///
    /// # Errors
    /// [`HeadError::Length`] if mean and deviation differ in length, [`HeadError::Setting`] for a deviation that is not
    /// a positive number or a mean that is not finite.
    pub fn validate(&self) -> Result<(), HeadError> {
        if self.std.len() != self.mean.len() {
            return Err(HeadError::Length {
                what: "the standard deviation of the standardiser",
                expected: self.mean.len(),
                found: self.std.len(),
            });
        }
        if let Some(s) = self.std.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
            return Err(HeadError::Setting {
                name: "std",
                value: s.to_string(),
                allowed: "finite and above 0".into(),
            });
        }
        if let Some(m) = self.mean.iter().find(|m| !m.is_finite()) {
            return Err(HeadError::Setting {
                name: "mean",
                value: m.to_string(),
                allowed: "finite".into(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn constant_features_map_to_zero() {
        // 0.1 is not representable, so the mean rounds and a naive variance is not exactly zero.
        let values: Vec<f32> = (0..999).flat_map(|i| [0.1, i as f32]).collect();
        let table = FeatureTable::new(&values, 2).unwrap();
        let fitted = Standardiser::fit(&table);
        assert_eq!(fitted.std[0], 1.0);
        let z = fitted.apply(&table).unwrap();
        assert!(z.iter().step_by(2).all(|v| v.abs() < 1e-6));
    }

    #[test]
    fn refuses_another_dimension() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let fitted = Standardiser::identity(3);
        let error = fitted
            .apply(&FeatureTable::new(&values, 2).unwrap())
            .unwrap_err();
        assert!(matches!(
            error,
            HeadError::Dimension {
                expected: 3,
                found: 2,
                ..
            }
        ));
    }

    proptest! {
        #[test]
        fn standardised_features_have_zero_mean_and_unit_variance(
            rows in 2_usize..40, offset in -1e3_f32..1e3, scale in 0.01_f32..100.0, seed in 0_u32..1000,
        ) {
            let values: Vec<f32> = (0..rows * 3)
                .map(|i| offset + scale * ((i as f32 + seed as f32) * 1.7).sin())
                .collect();
            let table = FeatureTable::new(&values, 3).unwrap();
            let z = Standardiser::fit(&table).apply(&table).unwrap();
            for column in 0..3 {
                let n = rows as f64;
                let mean = z.iter().skip(column).step_by(3).map(|v| f64::from(*v)).sum::<f64>() / n;
                let var = z.iter().skip(column).step_by(3).map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
                prop_assert!(mean.abs() < 1e-4, "mean {mean}");
                prop_assert!((var - 1.0).abs() < 1e-3, "variance {var}");
            }
        }
    }
}
