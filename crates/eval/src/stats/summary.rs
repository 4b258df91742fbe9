//! Mean and spread of a metric over seeds.

use serde::{Deserialize, Serialize};

use super::{Bootstrap, t_interval};

/// Arithmetic mean; `None` when empty.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation (divisor n - 1); `None` with fewer than two values.
pub fn sample_std(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// The quantile `q` of *sorted* values by linear interpolation between order statistics (numpy's default, type 7 of Hyndman
/// and Fan 1996); `None` when empty or `q` is not in 0..=1.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let last = sorted.len().checked_sub(1)?;
    let position = q * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64))
}

/// A metric over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSummary {
    /// How many seeds have the metric.
    pub n: u64,
    /// Mean over seeds.
    pub mean: f64,
    /// Sample standard deviation over seeds; `None` for one seed.
    pub std: Option<f64>,
    /// 95 % t-interval of the mean, `[lower, upper]`; `None` for one seed.
    pub t95: Option<[f64; 2]>,
    /// 95 % percentile bootstrap interval of the mean, `[lower, upper]`; `None` for one seed. With fewer than about ten
    /// seeds it is too narrow; the t-interval is the one to quote.
    pub bootstrap95: Option<[f64; 2]>,
}

impl MetricSummary {
    /// Summary of the values of all seeds; `None` when there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let bootstrap = Bootstrap::default();
        Some(Self {
            n: values.len() as u64,
            mean: mean(values)?,
            std: sample_std(values),
            t95: t_interval(values, 0.95).map(|interval| [interval.lower, interval.upper]),
            bootstrap95: bootstrap
                .mean(values)
                .map(|interval| [interval.lower, interval.upper]),
        })
    }
}
