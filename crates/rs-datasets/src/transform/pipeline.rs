//! A list of steps, written in TOML.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    CenterCrop, Clip, ConvertUnit, DeriveBand, Dihedral, FillInvalid, Normalise, PadTo, RandomCrop,
    RandomDihedral, RandomFlip, RandomResizedCrop, RandomRotate, RenderUint8, Resize, Rotate,
    SelectBands,
};
use crate::{BandSet, DataError, Sample};

/// One transform, `step = "..."` in TOML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Keep bands by name.
    SelectBands(SelectBands),
    /// Append a weighted sum of bands.
    DeriveBand(DeriveBand),
    /// Convert the unit.
    ConvertUnit(ConvertUnit),
    /// Render to 8-bit values.
    RenderUint8(RenderUint8),
    /// Limit the values.
    Clip(Clip),
    /// Normalise with named statistics.
    Normalise(Normalise),
    /// Give missing pixels a value.
    FillInvalid(FillInvalid),
    /// Resize.
    Resize(Resize),
    /// Central window.
    CenterCrop(CenterCrop),
    /// Window at a random place.
    RandomCrop(RandomCrop),
    /// Window of random size, resized.
    RandomResizedCrop(RandomResizedCrop),
    /// Pad to a minimum extent.
    PadTo(PadTo),
    /// A fixed flip, turn or transposition.
    Dihedral(Dihedral),
    /// Random flips.
    RandomFlip(RandomFlip),
    /// One of the eight symmetries at random.
    RandomDihedral(RandomDihedral),
    /// A fixed turn by any angle.
    Rotate(Rotate),
    /// A turn by a random angle.
    RandomRotate(RandomRotate),
}

impl Step {
    /// Whether the result depends on the random stream.
    pub fn is_random(&self) -> bool {
        matches!(
            self,
            Self::RandomCrop(_)
                | Self::RandomResizedCrop(_)
                | Self::RandomFlip(_)
                | Self::RandomDihedral(_)
                | Self::RandomRotate(_)
        )
    }

    /// The transformed sample.
    ///
    /// # Errors
    /// Those of the step.
    pub fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Sample, DataError> {
        match self {
            Self::SelectBands(step) => step.apply(sample),
            Self::DeriveBand(step) => step.apply(sample),
            Self::ConvertUnit(step) => step.apply(sample),
            Self::RenderUint8(step) => step.apply(sample),
            Self::Clip(step) => step.apply(sample),
            Self::Normalise(step) => step.apply(sample),
            Self::FillInvalid(step) => step.apply(sample),
            Self::Resize(step) => step.apply(sample),
            Self::CenterCrop(step) => step.apply(sample),
            Self::RandomCrop(step) => step.apply(sample, rng),
            Self::RandomResizedCrop(step) => step.apply(sample, rng),
            Self::PadTo(step) => step.apply(sample),
            Self::Dihedral(step) => step.symmetry.apply(sample),
            Self::RandomFlip(step) => step.apply(sample, rng),
            Self::RandomDihedral(step) => step.apply(sample, rng),
            Self::Rotate(step) => step.apply(sample),
            Self::RandomRotate(step) => step.apply(sample, rng),
        }
    }
}

/// Steps in the order in which they are applied.
///
/// ```toml
/// [[steps]]
/// step = "select_bands"
/// bands = ["B04", "B03", "B02"]
///
/// [[steps]]
/// step = "convert_unit"
/// to = { unit = "reflectance" }
///
/// [[steps]]
/// step = "random_dihedral"
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The steps.
    #[serde(default)]
    pub steps: Vec<Step>,
}

impl Pipeline {
    /// A pipeline of the given steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// Reads a pipeline; unknown keys are errors.
    ///
    /// # Errors
    /// [`DataError::Setting`] with the line that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, DataError> {
        toml::from_str(text).map_err(|error| DataError::Setting {
            what: "pipeline".into(),
            detail: error.to_string(),
        })
    }

    /// Writes the pipeline.
    ///
    /// # Errors
    /// [`DataError::Setting`] when a number has no TOML form.
    pub fn to_toml(&self) -> Result<String, DataError> {
        toml::to_string(self).map_err(|error| DataError::Setting {
            what: "pipeline".into(),
            detail: error.to_string(),
        })
    }

    /// The pipeline with one step more.
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Whether any step is random.
    pub fn is_random(&self) -> bool {
        self.steps.iter().any(Step::is_random)
    }

    /// The bands that images with `bands` have after the steps; a cheap check of band names before any file is read.
    ///
    /// # Errors
    /// [`DataError::UnknownBand`], [`DataError::DuplicateBand`], [`DataError::Statistics`].
    pub fn output_bands(&self, bands: &BandSet) -> Result<BandSet, DataError> {
        let mut bands = bands.clone();
        for step in &self.steps {
            match step {
                Step::SelectBands(step) => bands = step.select(&bands)?.0,
                Step::DeriveBand(step) => bands = step.extend(&bands)?,
                Step::Normalise(step) => {
                    step.statistics.validate()?;
                    step.statistics.check(&bands, step.statistics.unit)?;
                }
                Step::RandomResizedCrop(step) => step.check()?,
                Step::RandomRotate(step) => step.check()?,
                _ => {}
            }
        }
        Ok(bands)
    }

    /// The sample after all steps. `rng` is used by the random steps only; take it from [`crate::sample_stream`].
    ///
    /// # Errors
    /// The first error of a step.
    pub fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Sample, DataError> {
        self.steps
            .iter()
            .try_fold(sample, |sample, step| step.apply(sample, rng))
    }
}
