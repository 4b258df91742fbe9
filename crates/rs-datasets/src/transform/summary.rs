//! What a pass over images says about their bands: how many pixels there are, and their moments.

use rayon::prelude::*;

use super::moments::Moments;
use super::{BandStatistics, Pipeline, StatisticsSource};
use crate::{BandSet, DataError, Dataset, InputUnit, Sample, random};

/// Images that are read before their moments are merged: it bounds what is held at once.
const PIECE: usize = 256;

/// One band over all images of a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct BandSummary {
    /// Name of the band.
    pub name: String,
    /// Pixels with a measurement.
    pub valid: u64,
    /// Pixels without: masked, no data, not finite.
    pub missing: u64,
    /// Smallest value; absent without a valid pixel.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation (dividing by the number of pixels).
    pub std: Option<f64>,
}

impl BandSummary {
    /// Share of the pixels that hold no measurement, 0 to 1.
    pub fn missing_share(&self) -> f64 {
        let all = self.valid + self.missing;
        self.missing as f64 / all.max(1) as f64
    }
}

/// All bands over all images of a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Images read.
    pub images: usize,
    /// Unit of the values.
    pub unit: InputUnit,
    /// The bands in order.
    pub bands: Vec<BandSummary>,
}

impl Summary {
    /// Means and deviations, as normalising takes them.
    ///
    /// # Errors
    /// [`DataError::Statistics`] when a band has no valid pixel or is constant.
    pub fn statistics(&self, source: StatisticsSource) -> Result<BandStatistics, DataError> {
        let numbers = |number: fn(&BandSummary) -> Option<f64>| {
            let bands = self.bands.iter();
            bands.map(|b| number(b).unwrap_or(f64::NAN)).collect()
        };
        let statistics = BandStatistics {
            bands: self.bands.iter().map(|band| band.name.clone()).collect(),
            mean: numbers(|band| band.mean),
            std: numbers(|band| band.std),
            unit: self.unit,
            source,
            percentiles: None,
        };
        statistics.validate()?;
        Ok(statistics)
    }
}

/// Counts and moments of every band over the images `indices`, after the steps of `pipeline` (which decide bands and unit; random steps are
/// refused). `seen` is told how many images are done, from time to time.
///
/// One parallel pass in double precision in which the decoded images of the threads, and the moments of 256 images, are held at once. Results are
/// merged in the order of `indices`, so they do not depend on the number of threads.
///
/// # Errors
/// Any error of loading or of a step, naming the sample; [`DataError::Setting`] for a random step or no image.
pub fn summarise_bands(
    dataset: &dyn Dataset,
    indices: &[usize],
    pipeline: &Pipeline,
    seen: &mut dyn FnMut(usize),
) -> Result<Summary, DataError> {
    let (pass, total) = moments(dataset, indices, pipeline, seen)?;
    let names = pass.bands.names().into_iter();
    let bands = names.zip(&total).map(|(name, (moments, missing))| {
        let known = |value: f64| (moments.count > 0.0).then_some(value);
        BandSummary {
            name: name.into(),
            valid: moments.count as u64,
            missing: *missing,
            min: known(moments.low),
            max: known(moments.high),
            mean: known(moments.mean),
            std: known((moments.squares / moments.count).sqrt()),
        }
    });
    Ok(Summary {
        images: indices.len(),
        unit: pass.unit,
        bands: bands.collect(),
    })
}

/// What all images of a pass are, and how one of them is read.
pub(super) struct Pass<'a> {
    dataset: &'a dyn Dataset,
    pipeline: &'a Pipeline,
    pub(super) bands: BandSet,
    pub(super) unit: InputUnit,
}

impl<'a> Pass<'a> {
    fn new(
        dataset: &'a dyn Dataset,
        indices: &[usize],
        pipeline: &'a Pipeline,
    ) -> Result<Self, DataError> {
        let bad = |detail: &str| DataError::Setting {
            what: "band statistics".into(),
            detail: detail.into(),
        };
        if pipeline.is_random() {
            return Err(bad(
                "the pipeline has a random step; give only the steps that choose bands and unit",
            ));
        }
        let first = *indices.first().ok_or_else(|| bad("there is no image"))?;
        let image = read(dataset, pipeline, first)?.image;
        Ok(Self {
            dataset,
            pipeline,
            bands: (*image.bands).clone(),
            unit: image.unit,
        })
    }

    /// Reads an image and makes sure that it is of the kind of the first one.
    pub(super) fn load(&self, index: usize) -> Result<Sample, DataError> {
        let sample = read(self.dataset, self.pipeline, index)?;
        if *sample.image.bands == self.bands && sample.image.unit == self.unit {
            return Ok(sample);
        }
        let (names, unit) = (self.bands.names().join(", "), self.unit);
        let found = sample.image.bands.names().join(", ");
        Err(DataError::InSample {
            source: Box::new(DataError::Shape {
                expected: format!("the bands {names} in {unit:?}, as in the first sample"),
                found: format!("{found} in {:?}", sample.image.unit),
            }),
            id: sample.id,
        })
    }
}

fn read(dataset: &dyn Dataset, pipeline: &Pipeline, index: usize) -> Result<Sample, DataError> {
    let loaded = dataset.load(index);
    let applied =
        loaded.and_then(|sample| pipeline.apply(sample, &mut random::stream(&["statistics"])));
    applied.map_err(|source| DataError::InSample {
        id: dataset.id(index).into(),
        source: Box::new(source),
    })
}

/// The moments of every band and the number of its missing pixels.
pub(super) fn moments<'a>(
    dataset: &'a dyn Dataset,
    indices: &[usize],
    pipeline: &'a Pipeline,
    seen: &mut dyn FnMut(usize),
) -> Result<(Pass<'a>, Vec<(Moments, u64)>), DataError> {
    let pass = Pass::new(dataset, indices, pipeline)?;
    let mut total = vec![(Moments::default(), 0); pass.bands.len()];
    for (number, piece) in indices.chunks(PIECE).enumerate() {
        let of_images: Vec<Vec<(Moments, u64)>> = piece
            .par_iter()
            .map(|&index| {
                let sample = pass.load(index)?;
                let area = sample.image.height * sample.image.width;
                let of_band = |band| {
                    let values = valid_values(&sample, band);
                    (Moments::of(&values), (area - values.len()) as u64)
                };
                Ok((0..pass.bands.len()).map(of_band).collect())
            })
            .collect::<Result<_, DataError>>()?;
        for image in &of_images {
            for ((total, missing), &(moments, more)) in total.iter_mut().zip(image) {
                *total = total.merge(moments);
                *missing += more;
            }
        }
        seen(number * PIECE + piece.len());
    }
    Ok((pass, total))
}

/// Values of one band where there is a measurement.
pub(super) fn valid_values(sample: &Sample, band: usize) -> Vec<f64> {
    let masked = |pixel: usize| sample.valid.as_ref().is_some_and(|mask| !mask.valid[pixel]);
    let plane = sample.image.band(band);
    plane
        .iter()
        .enumerate()
        .filter(|(p, v)| v.is_finite() && !masked(*p))
        .map(|(_, &v)| f64::from(v))
        .collect()
}
