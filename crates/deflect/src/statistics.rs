//! Summaries of the valid pixels of a patch. None depends on the order of the pixels.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::arithmetic::Pixels;
use crate::config::Statistic;
use crate::pixel_set::holds;

/// Stands for "no pixel" in minima, maxima and sorting: larger than every valid value.
const BEYOND: f64 = 3e38;

/// The statistics of every feature over its valid pixels, and 1 where there was a valid pixel.
///
/// # Shapes
/// - `values`, `valid` (1 or 0): `[batch, patches, features, pixels]`
/// - result: `[batch, patches, features, statistics]`, 0 where no pixel is valid; `[batch, patches, features, 1]`
pub(crate) fn summarise<B: Backend>(
    values: Tensor<B, 4>,
    valid: Tensor<B, 4>,
    statistics: &[Statistic],
) -> (Tensor<B, 4>, Tensor<B, 4>) {
    let count = valid.clone().sum_dim(3);
    let known = count.clone().clamp_max(1.0);
    let divisor = count.clone().clamp_min(1.0);
    let mean = (values.clone() * valid.clone()).sum_dim(3) / divisor.clone();
    let needs_order = |s: &Statistic| matches!(s, Statistic::Quantile(_));
    let sorted = statistics.iter().any(needs_order).then(|| {
        // Invalid pixels come last.
        values.clone().where_or(holds(&valid), BEYOND).sort(3)
    });
    let one = |statistic: &Statistic| match (statistic, &sorted) {
        (Statistic::Std, _) => {
            let away = (values.clone() - mean.clone()) * valid.clone();
            ((away.clone() * away).sum_dim(3) / divisor.clone()).sqrt()
        }
        (Statistic::Min, _) => values.clone().where_or(holds(&valid), BEYOND).min_dim(3),
        (Statistic::Max, _) => values.clone().where_or(holds(&valid), -BEYOND).max_dim(3),
        (Statistic::Quantile(percent), Some(sorted)) => {
            quantile(sorted.clone(), count.clone(), percent / 100.0)
        }
        (Statistic::Mean | Statistic::Quantile(_), _) => mean.clone(),
    };
    let summaries = statistics
        .iter()
        .map(|statistic| one(statistic).where_or(holds(&known), 0.0))
        .collect();
    (Tensor::cat(summaries, 3), known)
}

/// The value at `share * (count - 1)` of the sorted numbers, between two by linear interpolation: numpy's default.
fn quantile<B: Backend>(sorted: Tensor<B, 4>, count: Tensor<B, 4>, share: f64) -> Tensor<B, 4> {
    let last = (count - 1.0).clamp_min(0.0);
    let place = last.clone() * share;
    let low = place.clone().floor();
    let high = (low.clone() + 1.0).min_pair(last);
    let weight = place - low.clone();
    let below = sorted.clone().gather(3, low.int());
    let above = sorted.gather(3, high.int());
    below.clone() + (above - below) * weight
}
