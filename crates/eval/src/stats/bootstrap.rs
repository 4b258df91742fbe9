//! Percentile bootstrap intervals.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Interval, quantile};
use crate::EvalError;

/// The most resamples accepted.
pub const MAX_RESAMPLES: u32 = 1_000_000;

/// Settings of a percentile bootstrap (Efron 1979). The same settings and data give the same interval on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bootstrap {
    /// How many resamples are drawn.
    pub resamples: u32,
    /// Nominal coverage.
    pub confidence: f64,
    /// Seed of the ChaCha8 generator.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 10,000 resamples, 95 %, seed 0.
    fn default() -> Self {
        Self {
            resamples: 10_000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

impl Bootstrap {
    /// Interval of the mean of `values`; `None` with fewer than two values or settings out of range.
    pub fn mean(&self, values: &[f64]) -> Option<Interval> {
        self.statistic(values.len(), |sample| {
            Some(sample.iter().map(|&i| values[i]).sum::<f64>() / sample.len() as f64)
        })
        .ok()
        .flatten()
    }

    /// Interval of any statistic of `n` items, e.g. the macro F1 of `n` test images. `statistic` is given the indices of a
    /// resample (`n` draws with replacement out of `0..n`); resamples for which it answers `None` are left out.
    /// `Ok(None)` with fewer than two items, or when fewer than half of the resamples have a value.
    ///
    /// # Errors
    /// When there are no resamples or more than [`MAX_RESAMPLES`], or the confidence is not inside 0..1.
    pub fn statistic(
        &self,
        n: usize,
        statistic: impl Fn(&[usize]) -> Option<f64>,
    ) -> Result<Option<Interval>, EvalError> {
        if !(1..=MAX_RESAMPLES).contains(&self.resamples) {
            return Err(EvalError::Value {
                what: "the number of bootstrap resamples",
                expected: "in 1..=1000000",
                found: self.resamples.to_string(),
            });
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(EvalError::Value {
                what: "the confidence of an interval",
                expected: "between 0 and 1, e.g. 0.95",
                found: self.confidence.to_string(),
            });
        }
        if n < 2 {
            return Ok(None);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut sample = vec![0usize; n];
        let mut values = Vec::with_capacity(self.resamples as usize);
        for _ in 0..self.resamples {
            sample
                .iter_mut()
                .for_each(|index| *index = rng.random_range(0..n as u64) as usize);
            values.extend(statistic(&sample).filter(|value| value.is_finite()));
        }
        if values.len() * 2 < self.resamples as usize {
            return Ok(None);
        }
        values.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - self.confidence);
        Ok(quantile(&values, tail)
            .zip(quantile(&values, 1.0 - tail))
            .map(|(lower, upper)| Interval {
                lower,
                upper,
                confidence: self.confidence,
            }))
    }
}
