//! What is asked for: the flags of `rs-peft adapt`, as data.

use std::path::PathBuf;
use std::str::FromStr;

use rs_datasets::Task;
use vit_backbone::PatchEmbedInit;

use super::AdaptError;

/// What is asked for. Whatever is absent follows from the images, the backbone and the defaults of experiments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdaptRequest {
    /// Folder with a folder per class, zip of one, or CSV or TOML manifest; beside `experiment` the folder of its data.
    pub data: Option<PathBuf>,
    /// A name of the registry of data sets, where `data` is laid out as one of them.
    pub dataset: Option<String>,
    /// An experiment: a complete file, or a row beside its `_table.toml`.
    pub experiment: Option<PathBuf>,
    /// What the labels are; as the data set says if absent.
    pub task: Option<Task>,
    /// Method, or preset of a method.
    pub method: Option<String>,
    /// Rank, for methods that have one.
    pub rank: Option<usize>,
    /// Checkpoint, `shipped`, or `random`.
    pub backbone: Option<String>,
    /// Bands that enter the backbone, those that it knows first.
    pub bands: Vec<String>,
    /// Bands that DEFLECT reads as spectra.
    pub spectral: Vec<String>,
    /// How the patch embedding is fitted to the bands.
    pub adapt_bands: Option<PatchEmbedInit>,
    /// Side of the input, or of the windows, in pixels.
    pub size: Option<usize>,
    /// Passes over the training images.
    pub epochs: Option<usize>,
    /// Peak learning rate of what is trained in the backbone.
    pub learning_rate: Option<f64>,
    /// Images per step.
    pub batch: Option<usize>,
    /// Seed of split, initialisation and order.
    pub seed: Option<u64>,
    /// Share of the images that is held out.
    pub val_fraction: Option<f64>,
    /// Split file, in place of the parts that the images come in or of a share held out.
    pub split: Option<PathBuf>,
    /// How much effort.
    pub preset: Option<EffortPreset>,
    /// Keys of the experiment, `train.warmup=0.2`.
    pub set: Vec<String>,
}

/// How much effort an adaptation is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EffortPreset {
    /// 5 epochs: whether the data can be read and learned at all.
    Quick,
    /// 20 epochs, as the defaults of experiments have it.
    #[default]
    Default,
    /// 60 epochs, and UPerNet for a class per pixel.
    Thorough,
}

impl EffortPreset {
    pub(super) fn epochs(self) -> usize {
        match self {
            Self::Quick => 5,
            Self::Default => 20,
            Self::Thorough => 60,
        }
    }
}

impl FromStr for EffortPreset {
    type Err = AdaptError;

    fn from_str(text: &str) -> Result<Self, AdaptError> {
        match text {
            "quick" => Ok(Self::Quick),
            "default" => Ok(Self::Default),
            "thorough" => Ok(Self::Thorough),
            other => Err(AdaptError::usage(
                "--preset",
                other,
                "quick, default or thorough",
            )),
        }
    }
}
