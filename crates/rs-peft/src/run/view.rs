//! What of an image reaches the model: known bands as the weights expect them, other bands standardised, spectra in physical
//! units, joined.

use std::sync::Arc;

use rs_datasets::{
    Band, BandSet, BandStatistics, ConvertUnit, DataError, Dataset, DatasetInfo, FillInvalid,
    InputUnit, Interpolation, Normalise, Pipeline, RenderUint8, Resize, Sample, SelectBands, Split,
    Step, TargetUnit, compute_statistics,
};

use super::model_input::{InputSteps, ModelInput};
use crate::experiment::{InputConfig, Normalisation, Rendering};

/// The value that stands for "not measured" among spectra: no reflectance, backscatter or temperature comes near it.
pub(crate) const NO_DATA: f32 = -9999.0;

/// What stands behind the name of a band where it is a channel of spectra: the same band may be among the backbone's, too.
pub(crate) const SPECTRUM: &str = " spectrum";

/// A data set seen through an [`InputConfig`]: samples of `bands.len()` standardised channels for the backbone, then
/// `spectral.len()` channels of spectra. Spectra are reflectances where the images hold digital numbers or reflectances, and
/// otherwise what the images hold; pixels that were not measured are `NO_DATA`.
pub struct View {
    inner: Arc<dyn Dataset>,
    steps: InputSteps,
    size: usize,
}

impl View {
    /// A view whose training statistics come from part `train` of `split`. `weights` are the statistics that belong to the weights.
    ///
    /// # Errors
    /// [`DataError`] for a band that does not exist or statistics that do not fit.
    pub fn new(
        inner: Arc<dyn Dataset>,
        config: &InputConfig,
        split: &Split,
        weights: &BandStatistics,
    ) -> Result<Self, DataError> {
        Self::sized(inner, config, split, weights, Some(config.size))
    }

    /// The same with images of their own size, whatever `config.size` is: labels per pixel are never resized.
    ///
    /// # Errors
    /// As [`View::new`].
    pub fn native(
        inner: Arc<dyn Dataset>,
        config: &InputConfig,
        split: &Split,
        weights: &BandStatistics,
    ) -> Result<Self, DataError> {
        Self::sized(inner, config, split, weights, None)
    }

    fn sized(
        inner: Arc<dyn Dataset>,
        config: &InputConfig,
        split: &Split,
        weights: &BandStatistics,
        size: Option<usize>,
    ) -> Result<Self, DataError> {
        // Without known bands all are treated alike.
        let (first, other) = config.bands.split_at(if config.known == 0 {
            config.bands.len()
        } else {
            config.known
        });
        let mut parts = Vec::new();
        for (names, rendering, normalise) in [
            (first, config.rendering, config.normalise),
            (other, Rendering::None, Normalisation::Train),
        ] {
            if names.is_empty() {
                continue;
            }
            let mut steps = vec![Step::SelectBands(SelectBands {
                bands: names.to_vec(),
            })];
            match rendering {
                Rendering::None => {}
                Rendering::Uint8 => steps.push(Step::RenderUint8(RenderUint8::eurosat_rgb())),
                Rendering::Decibel => {
                    steps.push(Step::ConvertUnit(ConvertUnit {
                        to: TargetUnit::Sigma0Db { floor_db: -40.0 },
                    }));
                }
            }
            let mut statistics = match normalise {
                Normalisation::Weights => weights.clone(),
                Normalisation::Train => compute_statistics(
                    inner.as_ref(),
                    split,
                    "train",
                    &Pipeline::new(steps.clone()),
                    None,
                )?,
            };
            if normalise == Normalisation::Weights && statistics.bands.len() == names.len() {
                // The weights' bands in the weights' order; the same places may carry other names in this data set.
                statistics.bands = names.to_vec();
            }
            steps.push(Step::Normalise(Normalise { statistics }));
            steps.extend(size.map(resize));
            steps.push(Step::FillInvalid(FillInvalid { value: 0.0 }));
            parts.push(Pipeline::new(steps));
        }
        let mut bands = Vec::new();
        for part in &parts {
            bands.extend_from_slice(part.output_bands(inner.bands())?.as_slice());
        }
        if !config.spectral.is_empty() {
            let spectra = spectra(inner.as_ref(), config, size)?;
            for band in spectra.output_bands(inner.bands())?.as_slice() {
                bands.push(Band {
                    name: format!("{}{SPECTRUM}", band.name),
                    ..band.clone()
                });
            }
            parts.push(spectra);
        }
        Ok(Self {
            steps: InputSteps {
                channels: BandSet::new(bands)?,
                parts,
            },
            size: config.size,
            inner,
        })
    }

    /// The images of the data set, and what is done to them.
    ///
    /// # Errors
    /// When the first image, which tells the unit, cannot be read.
    pub fn input(&self) -> Result<ModelInput, DataError> {
        Ok(ModelInput {
            bands: self.inner.bands().clone(),
            unit: self.inner.load(0)?.image.unit,
            size: self.size,
            steps: self.steps.clone(),
        })
    }
}

/// The step to a square of `size` pixels.
fn resize(size: usize) -> Step {
    Step::Resize(Resize {
        height: size,
        width: size,
        interpolation: Interpolation::Bilinear,
    })
}

/// The steps from an image to its spectra.
fn spectra(
    inner: &dyn Dataset,
    config: &InputConfig,
    size: Option<usize>,
) -> Result<Pipeline, DataError> {
    let mut steps = vec![Step::SelectBands(SelectBands {
        bands: config.spectral.clone(),
    })];
    // All images of a set have one unit.
    let unit = inner.load(0)?.image.unit;
    if matches!(
        unit,
        InputUnit::DigitalNumber { .. } | InputUnit::Reflectance
    ) {
        steps.push(Step::ConvertUnit(ConvertUnit {
            to: TargetUnit::Reflectance {},
        }));
    }
    steps.extend(size.map(resize));
    steps.push(Step::FillInvalid(FillInvalid { value: NO_DATA }));
    Ok(Pipeline::new(steps))
}

impl Dataset for View {
    fn info(&self) -> &DatasetInfo {
        self.inner.info()
    }

    fn classes(&self) -> &[String] {
        self.inner.classes()
    }

    fn bands(&self) -> &BandSet {
        &self.steps.channels
    }

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn id(&self, index: usize) -> &str {
        self.inner.id(index)
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        self.inner.class_of(index)
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        self.inner.published_split(index)
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        self.steps.apply(&self.inner.load(index)?)
    }
}
