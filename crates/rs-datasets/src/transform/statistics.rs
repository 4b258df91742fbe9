//! Band statistics: what they are, where they come from, and computing them over a part of a split.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Pipeline;
use crate::{BandSet, DataError, Dataset, InputUnit, Sample, Split, random};

/// Where band statistics come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum StatisticsSource {
    /// Computed over one part of a split.
    Split {
        /// Name of the data set.
        dataset: String,
        /// SHA-256 of the split ([`Split::sha256`]).
        split_sha256: String,
        /// Name of the part.
        part: String,
    },
    /// The statistics with which pretrained weights were trained.
    Weights {
        /// Name of the weights.
        name: String,
    },
}

impl fmt::Display for StatisticsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split { dataset, split_sha256, part } => {
                let short: String = split_sha256.chars().take(12).collect();
                write!(f, "part `{part}` of split {short} of {dataset}")
            }
            Self::Weights { name } => write!(f, "the weights {name}"),
        }
    }
}

/// Percentiles of each band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// Lower percentage, e.g. 2.
    pub low_percent: f64,
    /// Upper percentage, e.g. 98.
    pub high_percent: f64,
    /// Lower percentile of each band.
    pub low: Vec<f64>,
    /// Upper percentile of each band.
    pub high: Vec<f64>,
}

/// Mean and standard deviation of each band over all valid pixels, in a stated unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandStatistics {
    /// Names of the bands, in order.
    pub bands: Vec<String>,
    /// Mean of each band.
    pub mean: Vec<f64>,
    /// Standard deviation of each band (dividing by the number of pixels).
    pub std: Vec<f64>,
    /// Unit of the values.
    pub unit: InputUnit,
    /// Where they come from.
    pub source: StatisticsSource,
    /// Percentiles, when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Percentiles>,
}

impl BandStatistics {
    /// That there is one finite mean and one positive deviation per band.
    ///
    /// # Errors
    /// [`DataError::Statistics`].
    pub fn validate(&self) -> Result<(), DataError> {
        let n = self.bands.len();
        if n == 0 || self.mean.len() != n || self.std.len() != n {
            let (means, stds) = (self.mean.len(), self.std.len());
            return Err(self.bad(format!("hold {n} bands, {means} means, {stds} deviations; expected as many of each")));
        }
        for (band, name) in self.bands.iter().enumerate() {
            let (mean, std) = (self.mean[band], self.std[band]);
            if !(mean.is_finite() && std.is_finite() && std > 0.0) {
                return Err(self.bad(format!(
                    "band `{name}` has mean {mean} and deviation {std}; leave a constant band out with select_bands"
                )));
            }
        }
        Ok(())
    }

    /// That they hold for an image with these bands in this unit.
    ///
    /// # Errors
    /// [`DataError::Statistics`].
    pub fn check(&self, bands: &BandSet, unit: InputUnit) -> Result<(), DataError> {
        if bands.names() != self.bands {
            let (own, found) = (self.bands.join(", "), bands.names().join(", "));
            return Err(self.bad(format!("are of the bands {own}, the image has {found}; select the bands first")));
        }
        if unit != self.unit {
            return Err(self.bad(format!("are in {:?}, the image in {unit:?}; convert the unit first", self.unit)));
        }
        Ok(())
    }

    /// The statistics of the named bands, in that order.
    ///
    /// # Errors
    /// [`DataError::UnknownBand`].
    pub fn select(&self, names: &[&str]) -> Result<Self, DataError> {
        let find = |name: &&str| {
            self.bands.iter().position(|band| band == name).ok_or_else(|| DataError::UnknownBand {
                name: name.to_string(),
                available: self.bands.join(", "),
            })
        };
        let at: Vec<usize> = names.iter().map(find).collect::<Result<_, _>>()?;
        let pick = |values: &[f64]| at.iter().map(|&i| values[i]).collect::<Vec<f64>>();
        Ok(Self {
            bands: at.iter().map(|&i| self.bands[i].clone()).collect(),
            mean: pick(&self.mean),
            std: pick(&self.std),
            percentiles: self.percentiles.as_ref().map(|p| Percentiles {
                low: pick(&p.low),
                high: pick(&p.high),
                ..p.clone()
            }),
            ..self.clone()
        })
    }

    fn bad(&self, detail: String) -> DataError {
        DataError::Statistics { origin: self.source.to_string(), detail }
    }
}

/// Count, mean and sum of squared deviations of one band.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
    low: f64,
    high: f64,
}

impl Moments {
    /// Of one image, in two passes.
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { count, mean, squares, low, high }
    }

    /// Of two sets of pixels together (Chan, Golub, LeVeque 1983).
    fn merge(self, other: Self) -> Self {
        if self.count == 0.0 || other.count == 0.0 {
            return if self.count == 0.0 { other } else { self };
        }
        let count = self.count + other.count;
        let gap = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + gap * other.count / count,
            squares: self.squares + other.squares + gap * gap * self.count * other.count / count,
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }
}

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
    let bad = |detail: String| DataError::Setting { what: "band statistics".into(), detail };
    if pipeline.is_random() {
        return Err(bad("the pipeline has a random step; give only the steps that choose bands and unit".into()));
    }
    if let Some((low, high)) = percentiles
        && !(0.0 <= low && low < high && high <= 100.0)
    {
        return Err(bad(format!("percentiles {low} and {high}; expected 0 <= low < high <= 100")));
    }
    let indices = split.indices(part, dataset)?;
    let load = |index: usize| -> Result<Sample, DataError> {
        let id = dataset.id(index);
        let run = || pipeline.apply(dataset.load(index)?, &mut random::stream(&["statistics"]));
        run().map_err(|source| DataError::InSample { id: id.into(), source: Box::new(source) })
    };
    let first = load(*indices.first().ok_or_else(|| bad(format!("part `{part}` is empty")))?)?;
    let (bands, unit) = (first.image.bands.clone(), first.image.unit);

    // The pass in pieces, so that only the small moments of all images are held at once.
    let moments: Vec<Vec<Moments>> = indices
        .par_iter()
        .map(|&index| {
            let sample = load(index)?;
            same(&sample, &bands, unit)?;
            Ok((0..bands.len()).map(|band| Moments::of(&valid_values(&sample, band))).collect())
        })
        .collect::<Result<_, DataError>>()?;
    let mut total = vec![Moments::default(); bands.len()];
    for image in &moments {
        total.iter_mut().zip(image).for_each(|(total, &image)| *total = total.merge(image));
    }
    let mut statistics = BandStatistics {
        bands: bands.names().into_iter().map(str::to_owned).collect(),
        mean: total.iter().map(|m| if m.count > 0.0 { m.mean } else { f64::NAN }).collect(),
        std: total.iter().map(|m| (m.squares / m.count).sqrt()).collect(),
        unit,
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
                    let sample = load(index)?;
                    for (band, bins) in histogram.iter_mut().enumerate() {
                        let (low, width) = bin(&total[band]);
                        valid_values(&sample, band)
                            .iter()
                            .for_each(|value| bins[(((value - low) / width) as usize).min(BINS - 1)] += 1);
                    }
                    Ok::<_, DataError>(histogram)
                },
            )
            // Whole numbers: the order of these sums does not matter.
            .try_reduce(
                || vec![vec![0u64; BINS]; bands.len()],
                |mut a, b| {
                    a.iter_mut().flatten().zip(b.iter().flatten()).for_each(|(a, b)| *a += b);
                    Ok(a)
                },
            )?;
        let at = |percent: f64| (0..bands.len()).map(|band| quantile(&histogram[band], &total[band], percent)).collect();
        statistics.percentiles =
            Some(Percentiles { low_percent, high_percent, low: at(low_percent), high: at(high_percent) });
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

/// That a sample has the bands and the unit of the first one.
fn same(sample: &Sample, bands: &BandSet, unit: InputUnit) -> Result<(), DataError> {
    if *sample.image.bands == *bands && sample.image.unit == unit {
        return Ok(());
    }
    Err(DataError::InSample {
        id: sample.id.clone(),
        source: Box::new(DataError::Shape {
            expected: format!("the bands {} in {unit:?}, as in the first sample", bands.names().join(", ")),
            found: format!("{} in {:?}", sample.image.bands.names().join(", "), sample.image.unit),
        }),
    })
}

/// Values of one band where there is a measurement.
fn valid_values(sample: &Sample, band: usize) -> Vec<f64> {
    let masked = |pixel: usize| sample.valid.as_ref().is_some_and(|mask| !mask.valid[pixel]);
    let plane = sample.image.band(band);
    plane.iter().enumerate().filter(|(p, v)| v.is_finite() && !masked(*p)).map(|(_, &v)| f64::from(v)).collect()
}
