//! Computing band statistics over a part of a split.

use rayon::prelude::*;

use super::moments::Moments;
use super::summary::{moments, valid_values};
use super::{BandStatistics, Percentiles, Pipeline, StatisticsSource};
use crate::{DataError, Dataset, Split};

/// Bins of the histogram from which percentiles are read.
const BINS: usize = 1 << 16;

/// Mean and deviation of each band over the valid pixels of one part of a split, after the steps of `pipeline` (which decide
/// bands and unit; random steps are refused).
///
/// One parallel pass in double precision; results are merged in the order of the sorted ids, so they do not depend on the number
/// of threads. With `percentiles` (low and high, in percent) a second pass fills a histogram of 65,536 bins between the smallest
/// and the largest value; a percentile is interpolated within its bin.
///
/// # Errors
/// Any error of loading or of a step, naming the sample; [`DataError::Statistics`] when a band has no valid pixel or is constant;
/// [`DataError::Setting`] for a random step or bad percentages.
pub fn compute_statistics(
    dataset: &dyn Dataset,
    split: &Split,
    part: &str,
    pipeline: &Pipeline,
    percentiles: Option<(f64, f64)>,
) -> Result<BandStatistics, DataError> {
    let bad = |detail: String| DataError::Setting {
        what: "band statistics".into(),
        detail,
    };
    if let Some((low, high)) = percentiles
        && !(0.0 <= low && low < high && high <= 100.0)
    {
        return Err(bad(format!(
            "percentiles {low} and {high}; expected 0 <= low < high <= 100"
        )));
    }
    let indices = split.indices(part, dataset)?;
    let (pass, total) = moments(dataset, &indices, pipeline, &mut |_| ())?;
    let total: Vec<Moments> = total.into_iter().map(|(moments, _)| moments).collect();
    let bands = &pass.bands;
    let mut statistics = BandStatistics {
        bands: bands.names().into_iter().map(str::to_owned).collect(),
        mean: total
            .iter()
            .map(|m| if m.count > 0.0 { m.mean } else { f64::NAN })
            .collect(),
        std: total.iter().map(|m| (m.squares / m.count).sqrt()).collect(),
        unit: pass.unit,
        source: StatisticsSource::Split {
            dataset: dataset.name().into(),
            split_sha256: split.sha256(),
            part: part.into(),
        },
        percentiles: None,
    };
    statistics.validate()?;
    if let Some((low_percent, high_percent)) = percentiles {
        let histogram = indices
            .par_iter()
            .try_fold(
                || vec![vec![0u64; BINS]; bands.len()],
                |mut histogram, &index| {
                    let sample = pass.load(index)?;
                    for (band, bins) in histogram.iter_mut().enumerate() {
                        let (low, width) = bin(&total[band]);
                        valid_values(&sample, band).iter().for_each(|value| {
                            bins[(((value - low) / width) as usize).min(BINS - 1)] += 1
                        });
                    }
                    Ok::<_, DataError>(histogram)
                },
            )
            // Whole numbers: the order of these sums does not matter.
            .try_reduce(
                || vec![vec![0u64; BINS]; bands.len()],
                |mut a, b| {
                    a.iter_mut()
                        .flatten()
                        .zip(b.iter().flatten())
                        .for_each(|(a, b)| *a += b);
                    Ok(a)
                },
            )?;
        let at = |percent: f64| {
            (0..bands.len())
                .map(|band| quantile(&histogram[band], &total[band], percent))
                .collect()
        };
        statistics.percentiles = Some(Percentiles {
            low_percent,
            high_percent,
            low: at(low_percent),
            high: at(high_percent),
        });
    }
    Ok(statistics)
}

/// Lower end and width of the histogram's bins.
fn bin(moments: &Moments) -> (f64, f64) {
    (moments.low, (moments.high - moments.low) / BINS as f64)
}

/// The value below which `percent` of the pixels lie.
fn quantile(bins: &[u64], moments: &Moments, percent: f64) -> f64 {
    let (low, width) = bin(moments);
    let wanted = percent / 100.0 * moments.count;
    let mut below = 0.0;
    for (index, &count) in bins.iter().enumerate() {
        let count = count as f64;
        if count > 0.0 && below + count >= wanted {
            return low + (index as f64 + (wanted - below) / count) * width;
        }
        below += count;
    }
    moments.high
}
