//! Confidence intervals of a mean.

use serde::{Deserialize, Serialize};

use super::{StudentT, mean, sample_std};

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Nominal coverage, e.g. 0.95.
    pub confidence: f64,
}

impl Interval {
    /// Whether `value` lies inside (ends included).
    pub fn contains(&self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }
}

/// The t-interval of the mean of `values`: mean +- t_{(1+confidence)/2, n-1} s / sqrt(n). `None` with fewer than two values
/// or a confidence outside 0..1.
pub fn t_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    t_interval_scaled(values, confidence, 1.0 / values.len() as f64)
}

/// As [`t_interval`], with the variance of the mean taken as s^2 times `scale` instead of s^2 / n.
pub(super) fn t_interval_scaled(values: &[f64], confidence: f64, scale: f64) -> Option<Interval> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let (mean, std) = (mean(values)?, sample_std(values)?);
    let half = StudentT::new((values.len() - 1) as f64)?.quantile(0.5 + 0.5 * confidence)
        * std
        * scale.sqrt();
    Some(Interval {
        lower: mean - half,
        upper: mean + half,
        confidence,
    })
}
