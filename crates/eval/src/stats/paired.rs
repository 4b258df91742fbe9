//! Differences between two methods on the same seeds and splits.

use serde::{Deserialize, Serialize};

use super::interval::t_interval_scaled;
use super::{Bootstrap, Interval, mean, sample_std, t_interval, wilcoxon_signed_rank};
use crate::EvalError;

/// The difference "method minus baseline", seed by seed.
///
/// Seeds and splits move both methods together, so the difference is far better determined than either level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedDifference {
    /// How many pairs there are.
    pub n: u64,
    /// Mean difference.
    pub mean: f64,
    /// Sample standard deviation of the differences; `None` for one pair.
    pub std: Option<f64>,
    /// 95 % t-interval of the mean difference; `None` for one pair.
    pub t95: Option<Interval>,
    /// 95 % t-interval with the variance of Nadeau and Bengio (2003), s^2 (1/n + n_test/n_train): repeated random splits of
    /// one data set share images, so their differences are correlated and the plain interval is too narrow. `None` unless
    /// [`corrected_for_overlap`](Self::corrected_for_overlap) was called.
    pub corrected95: Option<Interval>,
    /// 95 % percentile bootstrap interval of the mean difference; `None` for one pair.
    pub bootstrap95: Option<Interval>,
    /// Two-sided p-value of Wilcoxon's signed-rank test; `None` when all differences are 0.
    pub wilcoxon_p: Option<f64>,
    /// Pairs in which the method is better, equal, worse.
    pub better_equal_worse: [u64; 3],
    differences: Vec<f64>,
}

impl PairedDifference {
    /// Differences `method[i] - baseline[i]`.
    ///
    /// # Errors
    /// When the lengths differ, there is no pair, or a value is not finite.
    pub fn of(method: &[f64], baseline: &[f64]) -> Result<Self, EvalError> {
        if method.len() != baseline.len() || method.is_empty() {
            return Err(EvalError::Length {
                what: "paired scores",
                expected: format!("one per baseline score ({}), at least one", baseline.len()),
                found: method.len().to_string(),
            });
        }
        if let Some(bad) = method
            .iter()
            .chain(baseline)
            .find(|value| !value.is_finite())
        {
            return Err(EvalError::Value {
                what: "a score",
                expected: "finite",
                found: bad.to_string(),
            });
        }
        let differences: Vec<f64> = method.iter().zip(baseline).map(|(a, b)| a - b).collect();
        let count = |keep: fn(&f64) -> bool| differences.iter().filter(|d| keep(d)).count() as u64;
        Ok(Self {
            n: differences.len() as u64,
            mean: mean(&differences).unwrap_or(f64::NAN),
            std: sample_std(&differences),
            t95: t_interval(&differences, 0.95),
            corrected95: None,
            bootstrap95: Bootstrap::default().mean(&differences),
            wilcoxon_p: wilcoxon_signed_rank(&differences).map(|test| test.p_value),
            better_equal_worse: [
                count(|d| *d > 0.0),
                count(|d| *d == 0.0),
                count(|d| *d < 0.0),
            ],
            differences,
        })
    }

    /// The same with [`corrected95`](Self::corrected95) filled in, for random splits with `test` test and `train` training
    /// samples. Left `None` when `train` is 0.
    pub fn corrected_for_overlap(mut self, test: u64, train: u64) -> Self {
        if train > 0 {
            let scale = 1.0 / self.n as f64 + test as f64 / train as f64;
            self.corrected95 = t_interval_scaled(&self.differences, 0.95, scale);
        }
        self
    }

    /// The differences, in the order of the pairs.
    pub fn differences(&self) -> &[f64] {
        &self.differences
    }

    /// Whether the 95 % t-interval leaves out 0.
    pub fn excludes_zero(&self) -> bool {
        self.t95.is_some_and(|interval| !interval.contains(0.0))
    }
}
