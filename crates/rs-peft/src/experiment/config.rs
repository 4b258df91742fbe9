//! The resolved configuration of one row: every key known, every unit stated.

use deflect::PixelSetConfig;
use eval::record::{DataKind, PaperValue};
use heads::ImbalanceLossConfig;
use rs_datasets::AerialConfig;
use serde::{Deserialize, Serialize};
use training::ScheduleConfig;
use vit_backbone::PatchEmbedInit;

use super::{
    DetectionConfig, LongTailProbe, LongTailSplit, Method, NaturalLongTail, SegmentationConfig,
};

/// One row of a table: data, input, backbone, method, training, seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What the row is called in the table.
    pub title: String,
    /// The table the row belongs to.
    pub table: TableConfig,
    /// Which images, and how they are divided.
    pub data: DataConfig,
    /// What of the images reaches the backbone.
    pub input: InputConfig,
    /// The pretrained model.
    pub backbone: BackboneConfig,
    /// What is trained.
    pub method: Method,
    /// Hand the head what the spectra of `input.spectral` say about the whole image, beside the features: mean and standard
    /// deviation over the patches of the numbers that DEFLECT would read, standardised. The control for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectral_head: Option<PixelSetConfig>,
    /// Where the data set has a class per pixel: the head, and how windows are laid. Then `backbone.pooling` and `probe` say nothing,
    /// and `spectral_head` hands the head the numbers of every patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<SegmentationConfig>,
    /// Where the data set has objects with oriented boxes: head, losses and windows. Then `backbone.pooling` and `probe` say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<DetectionConfig>,
    /// Judge the frozen features by this instead of a trained head; `method` must be `frozen`.
    #[serde(default)]
    pub probe: Option<ProbeConfig>,
    /// Train the patch embedding too, whatever the method trains otherwise (needed where it has new, random bands).
    #[serde(default)]
    pub train_patch_embed: bool,
    /// How it is trained.
    pub train: TrainConfig,
    /// One run per seed; a seed draws the split, the initialisation and the order of the data.
    pub seeds: Vec<u64>,
    /// The published value of the row, where there is one.
    #[serde(default)]
    pub paper: Option<PaperValue>,
}

/// What the rows of a table have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// Heading.
    pub title: String,
    /// The protocol, in words; printed under the table.
    pub protocol: String,
    /// What kind of data the numbers come from; printed plainly.
    pub data: DataKind,
    /// Name of the row to which the others are compared, pair by pair.
    pub reference: String,
    /// Metrics shown (names of `eval::names`); the first is compared.
    pub metrics: Vec<String>,
    /// Whether the table runs without `--data`.
    #[serde(default)]
    pub embedded: bool,
}

/// Which images, and how they are divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `synthetic`, `synthetic_segmentation`, `synthetic_aerial`, or a name of the registry of data sets (`eurosat_rgb`, `hls_burn_scars`, `folder`, ...).
    pub dataset: String,
    /// File or folder below the data directory; absent for synthetic data.
    #[serde(default)]
    pub path: Option<String>,
    /// Settings of `synthetic_aerial`, whose scenes hold objects with oriented boxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aerial: Option<AerialConfig>,
    /// Images per class of a synthetic set; `synthetic_segmentation` has ten times as many scenes, each with several classes.
    #[serde(default)]
    pub per_class: Option<usize>,
    /// Side of synthetic scenes in pixels; 64 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene_size: Option<usize>,
    /// Cut every image into windows of so many pixels that share none, which are the samples then; for sets of a few large images. Windows of one image
    /// resemble one another, so splits over them are kinder than splits over images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<usize>,
    /// Ids of samples that are left out, such as images without a measured pixel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<String>,
    /// How the images are divided.
    pub split: SplitConfig,
}

/// How the images are divided into train and test; the two never overlap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitConfig {
    /// A fixed stratified hold-out (drawn by `split_seed`) is the test set; each run's seed draws `label_fraction` of the rest for training.
    Holdout {
        /// Share held out for testing, 0 to 1.
        test: f64,
        /// Seed of the hold-out.
        split_seed: u64,
        /// Share of the remaining images whose labels may be used, 0 to 1.
        label_fraction: f64,
        /// Data set (path below the data directory) whose ids are left out altogether.
        #[serde(default)]
        reserve: Option<String>,
    },
    /// Each run's seed draws a new stratified split.
    Repeated {
        /// Share of the images in the test set, 0 to 1.
        test: f64,
    },
    /// The split that was published with the data set; seeds vary the initialisation only.
    Published,
    /// The parts of a split file, as `rs-peft data split` writes it: `train`, and `test` or else one for validation; seeds vary the
    /// initialisation only.
    File {
        /// The file, absolute or below the data directory.
        path: String,
    },
    /// A long-tailed training part, a balanced test part and a validation part, for `probe.kind = "long_tail"`.
    LongTailed(LongTailSplit),
    /// The parts of a set that is long-tailed by itself, for `probe.kind = "long_tail"`.
    NaturalLongTail(NaturalLongTail),
}

impl SplitConfig {
    /// Numbers of head and tail classes, of a long-tailed split.
    pub fn groups(&self) -> Option<(usize, usize)> {
        match self {
            Self::LongTailed(division) => Some((division.head, division.tail)),
            Self::NaturalLongTail(division) => Some((division.head, division.tail)),
            Self::Holdout { .. } | Self::Repeated { .. } | Self::Published | Self::File { .. } => {
                None
            }
        }
    }
}

/// A probe of frozen features that needs no training loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProbeConfig {
    /// Multinomial logistic regression on standardised features.
    Logistic {
        /// Strength of the squared penalty.
        l2: f64,
    },
    /// Nearest neighbours in standardised space.
    Knn {
        /// Neighbours that vote.
        k: usize,
    },
    /// Logistic regression on a long-tailed training part; needs `data.split.kind = "long_tailed"`.
    LongTail(Box<LongTailProbe>),
}

/// What of the images reaches the backbone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// Bands by name, in the order of the backbone's channels; those the backbone knows (its RGB) first.
    pub bands: Vec<String>,
    /// How many of the first bands take the pretrained channels' place.
    pub known: usize,
    /// Bands by name that do not enter the patch embedding and are read as spectra, by DEFLECT or by `spectral_head`: in
    /// physical units, the RGB bands among them where indices need them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spectral: Vec<String>,
    /// How the pretrained patch embedding is fitted to the bands.
    pub patch_embed: PatchEmbedInit,
    /// How the known bands (all bands where none is known) become the values the backbone was trained on.
    pub rendering: Rendering,
    /// Statistics of the same bands.
    pub normalise: Normalisation,
    /// Side of the square input in pixels.
    pub size: usize,
}

impl InputConfig {
    /// Whether no statistic of the training images enters the input, so that an image looks the same whatever the split.
    pub fn is_standardised_by_weights(&self) -> bool {
        self.normalise == Normalisation::Weights
            && (self.known == 0 || self.known == self.bands.len())
    }
}

/// How the known bands become the values the backbone was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rendering {
    /// As stored.
    None,
    /// Sentinel-2 digital numbers to the 8-bit rendering of EuroSAT RGB.
    Uint8,
    /// Linear backscatter to decibels.
    Decibel,
}

/// Whose statistics the known bands are standardised with; all other bands use the training part's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// Those that belong to the weights.
    Weights,
    /// Those of the training part.
    Train,
}

/// The pretrained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneConfig {
    /// Checkpoint, relative to the workspace root or absolute; `random` for a random initialisation of the same shape.
    pub weights: String,
    /// How many blocks are run; 0 means all of them.
    #[serde(default)]
    pub blocks: usize,
    /// Whether the final norm is applied to the features.
    #[serde(default)]
    pub final_norm: bool,
    /// `patch_mean`, `patch_mean_std` or `class_token`.
    pub pooling: vit_backbone::Pooling,
    /// Which views of an image its features are the mean of; for probes.
    #[serde(default, skip_serializing_if = "Views::is_one")]
    pub views: Views,
    /// Name of a model of the zoo whose published file the weights are; absent where names and shapes in the file say enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Pixel size in metres, for models that are told it (Scale-MAE).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<f64>,
}

/// Which views of an image its features are the mean of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Views {
    /// The image as it is.
    #[default]
    One,
    /// The eight symmetries of the square (quarter turns and their mirror images): seen from above, no side of a scene is up.
    Dihedral,
}

impl Views {
    fn is_one(&self) -> bool {
        *self == Self::One
    }
}

/// How the adapter and the head are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training part.
    pub epochs: usize,
    /// Images per step.
    pub batch_size: usize,
    /// Peak learning rate of the adapter.
    pub learning_rate: f64,
    /// Peak learning rate of the head.
    pub head_learning_rate: f64,
    /// Decoupled weight decay (AdamW), on matrices only.
    pub weight_decay: f64,
    /// Share of the steps over which the rate rises linearly, 0 to 1; then it falls as a cosine.
    pub warmup: f64,
    /// Largest global norm of the gradient.
    pub clip_norm: f32,
    /// Flips and quarter turns of the training images.
    pub augment: bool,
    /// Label smoothing, 0 to 1.
    #[serde(default)]
    pub label_smoothing: f64,
    /// Weight classes inversely to their frequency in the loss.
    #[serde(default)]
    pub balanced_loss: bool,
    /// How the rate falls.
    #[serde(default, skip_serializing_if = "Schedule::is_cosine")]
    pub schedule: Schedule,
    /// Let biases and norms decay too, as PyTorch's optimisers do unless they are told otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decay_vectors: bool,
    /// Keep what the blocks before the first adapted one make of every training image on disk, instead of running them in every epoch.
    /// Nothing is kept where the method (anything but LoRA and DoRA) or a trained patch embedding leaves no block alone.
    #[serde(default, skip_serializing_if = "PrefixCache::is_off")]
    pub cache_prefix: PrefixCache,
    /// Another loss than cross-entropy, on a long-tailed split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<ImbalanceLossConfig>,
    /// Weight classes by their effective number with this beta during the last fifth of the epochs (deferred re-weighting), on a
    /// long-tailed split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred_beta: Option<f64>,
}

/// Whether and how precisely the outputs of frozen blocks are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefixCache {
    /// Not at all.
    #[default]
    Off,
    /// In single precision: the run gives the same result as without.
    F32,
    /// In half precision: half the space, a slightly different result.
    F16,
}

impl PrefixCache {
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Rises linearly over `warmup`, then falls as a cosine to zero.
    #[default]
    Cosine,
    /// A tenth after 60 % and again after 90 % of the steps, as the PANGAEA benchmark has it; `warmup` must be 0.
    Pangaea,
}

impl Schedule {
    /// The schedule of the training loop.
    pub(crate) fn config(self, warmup: f64) -> ScheduleConfig {
        match self {
            Self::Cosine => ScheduleConfig::cosine(warmup),
            Self::Pangaea => ScheduleConfig::pangaea(),
        }
    }

    fn is_cosine(&self) -> bool {
        *self == Self::Cosine
    }
}
