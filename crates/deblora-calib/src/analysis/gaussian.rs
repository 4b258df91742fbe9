//! A normal distribution with a shrunk covariance: volume and density of a group of rows.

use clustering::Scalar;

use crate::table::Features;

/// `N(m, Σ)`, `Σ = (1 − γ) S + γ (tr S / d) I`, held by its Cholesky factor.
pub(crate) struct Gaussian {
    mean: Vec<f64>,
    /// Lower triangle of `L`, `Σ = L Lᵀ`, `[d, d]`.
    factor: Vec<f64>,
    /// `½ ln det Σ`.
    pub(crate) log_volume: f64,
    /// `√tr S`: root mean square distance of the rows to their mean.
    pub(crate) radius: f64,
}

impl Gaussian {
    /// From some rows of a table; `None` where they have no spread. `shrinkage` is above 0 and at most 1.
    pub(crate) fn fit<T: Scalar>(
        features: &Features<'_, T>,
        rows: &[usize],
        shrinkage: f64,
    ) -> Option<Self> {
        let d = features.dim();
        let n = rows.len() as f64;
        if rows.is_empty() {
            return None;
        }
        let mut mean = vec![0.0; d];
        for &row in rows {
            for (m, x) in mean.iter_mut().zip(features.row(row)) {
                *m += x.to_f64() / n;
            }
        }
        let mut s = vec![0.0; d * d];
        let mut centred = vec![0.0; d];
        for &row in rows {
            for ((c, x), m) in centred.iter_mut().zip(features.row(row)).zip(&mean) {
                *c = x.to_f64() - m;
            }
            for i in 0..d {
                let factor = centred[i] / n;
                for (s, c) in s[i * d..=i * d + i].iter_mut().zip(&centred) {
                    *s += factor * c;
                }
            }
        }
        let trace: f64 = (0..d).map(|i| s[i * d + i]).sum();
        let size: f64 = mean.iter().map(|m| m * m).sum();
        if !trace.is_finite() || trace <= size * (n * f64::EPSILON).powi(2) {
            return None;
        }
        for i in 0..d {
            for j in 0..=i {
                s[i * d + j] *= 1.0 - shrinkage;
            }
            s[i * d + i] += shrinkage * trace / d as f64;
        }
        let log_volume = cholesky(&mut s, d)?;
        Some(Self {
            mean,
            factor: s,
            log_volume,
            radius: trace.sqrt(),
        })
    }

    /// `ln p(x)` but for the constant `−d/2 ln 2π`.
    pub(crate) fn log_density<T: Scalar>(&self, x: &[T]) -> f64 {
        let d = self.mean.len();
        let mut solved = vec![0.0; d];
        for i in 0..d {
            let row = &self.factor[i * d..i * d + i];
            let dot: f64 = row.iter().zip(&solved).map(|(l, y)| l * y).sum();
            solved[i] = (x[i].to_f64() - self.mean[i] - dot) / self.factor[i * d + i];
        }
        -0.5 * solved.iter().map(|y| y * y).sum::<f64>() - self.log_volume
    }
}

/// Factors the lower triangle in place; returns `½ ln det`, or `None` where the matrix is not positive.
fn cholesky(a: &mut [f64], d: usize) -> Option<f64> {
    let mut log = 0.0;
    for i in 0..d {
        for j in 0..=i {
            let (above, here) = a.split_at(i * d);
            let row_j = if j == i { here } else { &above[j * d..] };
            let dot: f64 = here[..j].iter().zip(&row_j[..j]).map(|(x, y)| x * y).sum();
            let rest = here[j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                a[i * d + i] = rest.sqrt();
                log += 0.5 * rest.ln();
            } else {
                a[i * d + j] = rest / a[j * d + j];
            }
        }
    }
    Some(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_and_volume_against_the_formula() {
        // Covariance [[2, 1], [1, 2]] around (1, -1), no shrinkage to speak of.
        let h = 0.5f64.sqrt();
        let (a, b) = (3.0f64.sqrt(), 1.0);
        let mut values = Vec::new();
        for (u, v) in [(a, b), (a, -b), (-a, b), (-a, -b)] {
            values.extend([1.0 + h * (u + v), -1.0 + h * (u - v)]);
        }
        let features = Features::new("rows", &values, 2).unwrap();
        let g = Gaussian::fit(&features, &[0, 1, 2, 3], 1e-12).unwrap();
        assert!((g.log_volume - 0.5 * 3.0f64.ln()).abs() < 1e-9);
        assert!((g.radius - 2.0).abs() < 1e-12);
        // Mahalanobis distance of (2, 0): (1, 1) Σ⁻¹ (1, 1)ᵀ = 2/3.
        let wanted = -1.0 / 3.0 - 0.5 * 3.0f64.ln();
        assert!((g.log_density(&[2.0, 0.0]) - wanted).abs() < 1e-9);
        assert!(Gaussian::fit(&features, &[2], 0.1).is_none());
        assert!(Gaussian::fit(&features, &[1, 1, 1], 0.1).is_none());
    }
}
