//! From the seeds of a record to what is drawn: summed confusion matrices, averaged curves, pooled reliability, paired scores.

use std::collections::BTreeMap;

use crate::metric::{ConfusionMatrix, Reliability, ReliabilityBin};
use crate::record::{CurvePoint, RunRecord};
use crate::stats::PairedDifference;

/// Points of a curve over seeds: (x, mean, lowest, highest).
pub(super) type Band = Vec<(f64, f64, f64, f64)>;

/// The sum of the confusion matrices of all seeds, and how many there were; `None` without any, or when they do not fit
/// together.
pub(super) fn confusion(record: &RunRecord) -> Option<(ConfusionMatrix, usize)> {
    let mut matrices = record
        .results
        .iter()
        .filter_map(|result| result.confusion.as_ref());
    let mut sum = matrices.next()?.clone();
    let mut n = 1;
    for matrix in matrices {
        sum.merge(matrix).ok()?;
        n += 1;
    }
    Some((sum, n))
}

/// The curve `pick` of all seeds, averaged per epoch; empty without values.
pub(super) fn curve(record: &RunRecord, pick: impl Fn(&CurvePoint) -> Option<f64>) -> Band {
    // Keyed by the bits of the epoch, which order like the number for values >= 0.
    let mut by_epoch: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for point in record.results.iter().flat_map(|result| &result.curve) {
        if let Some(value) = pick(point).filter(|_| point.epoch >= 0.0) {
            by_epoch
                .entry((point.epoch + 0.0).to_bits())
                .or_default()
                .push(value);
        }
    }
    by_epoch
        .into_iter()
        .map(|(bits, values)| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (f64::from_bits(bits), mean, low, high)
        })
        .collect()
}

/// The reliability of all seeds pooled, bin by bin; `None` without any, or with different bins.
pub(super) fn reliability(record: &RunRecord) -> Option<Reliability> {
    let all: Vec<&Reliability> = record
        .results
        .iter()
        .filter_map(|result| result.reliability.as_ref())
        .collect();
    let first = all.first()?;
    if all.iter().any(|other| other.bins.len() != first.bins.len()) {
        return None;
    }
    let bins: Vec<ReliabilityBin> = (0..first.bins.len())
        .map(|b| {
            let same: Vec<&ReliabilityBin> =
                all.iter().map(|reliability| &reliability.bins[b]).collect();
            let count = same
                .iter()
                .fold(0u64, |sum, bin| sum.saturating_add(bin.count));
            let pooled = |pick: fn(&ReliabilityBin) -> Option<f64>| {
                let sum: f64 = same
                    .iter()
                    .filter_map(|bin| Some(pick(bin)? * bin.count as f64))
                    .sum();
                (count > 0).then(|| sum / count as f64)
            };
            ReliabilityBin {
                lower: same[0].lower,
                upper: same[0].upper,
                count,
                confidence: pooled(|bin| bin.confidence),
                accuracy: pooled(|bin| bin.accuracy),
            }
        })
        .collect();
    let total: f64 = bins.iter().map(|bin| bin.count as f64).sum();
    let gaps: Vec<(f64, f64)> = bins
        .iter()
        .filter_map(|bin| Some((bin.count as f64, (bin.accuracy? - bin.confidence?).abs())))
        .collect();
    Some(Reliability {
        ece: (total > 0.0).then(|| gaps.iter().map(|(n, gap)| n * gap).sum::<f64>() / total),
        mce: gaps.iter().map(|&(_, gap)| gap).reduce(f64::max),
        bins,
    })
}

/// The difference of `record` to `baseline` in `metric` over the seeds and splits that both have; `None` without a pair.
///
/// With several different splits of known sizes, the interval corrected for their overlap is filled in as well, unless the
/// test set is the larger part: the correction is made for splits that train on most of the data (label-fraction protocols
/// draw small training sets, which hardly overlap).
pub(super) fn paired(
    record: &RunRecord,
    baseline: &RunRecord,
    metric: &str,
) -> Option<PairedDifference> {
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut splits = std::collections::BTreeSet::new();
    let mut sizes = None;
    for a in &record.results {
        let other = baseline
            .results
            .iter()
            .find(|b| b.seed == a.seed && b.split_hash == a.split_hash);
        if let Some((x, y)) = a.metric(metric).zip(other.and_then(|b| b.metric(metric))) {
            ours.push(x);
            theirs.push(y);
            splits.insert(&a.split_hash);
            sizes = sizes.or(a.n_test.zip(a.n_train));
        }
    }
    let difference = PairedDifference::of(&ours, &theirs).ok()?;
    Some(match sizes {
        Some((test, train)) if splits.len() > 1 && test <= train => {
            difference.corrected_for_overlap(test, train)
        }
        _ => difference,
    })
}
