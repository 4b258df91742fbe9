//! What to build, as data. Whatever the paper leaves open is an option here; defaults are those of a small-scale study on real
//! imagery. Unknown keys are errors.

mod statistic;
mod validate;

use peft_lora::LoraConfig;
use serde::{Deserialize, Serialize};

use crate::spectrum::Spectrum;

pub use statistic::Statistic;

/// The whole method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeflectConfig {
    /// What the image's channels are.
    pub spectrum: Spectrum,
    /// What is computed per patch.
    #[serde(default)]
    pub pixels: PixelSetConfig,
    /// Untangled patch embedding.
    #[serde(default)]
    pub embedding: EmbeddingConfig,
    /// Untangled attention.
    #[serde(default)]
    pub attention: AttentionConfig,
    /// Norm of the displacement.
    #[serde(default)]
    pub deflection: DeflectionConfig,
    /// Low-rank updates of the RGB path, in any block. Default: none.
    #[serde(default)]
    pub rgb_lora: Option<LoraConfig>,
}

/// The numbers that describe a patch as a set of pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PixelSetConfig {
    /// Which bands are looked at themselves. Default: those beyond red, green and blue.
    pub bands: BandChoice,
    /// Which spectral indices are computed. Default: those of [`RECOMMENDED`](crate::RECOMMENDED) that the bands allow.
    pub indices: IndexChoice,
    /// How the pixels of a patch are summarised. Default: mean and standard deviation.
    pub statistics: Vec<Statistic>,
    /// Share of a patch's pixels that is looked at, above 0 up to 1. Default: 1. The positions are drawn once from `sample_seed`,
    /// and a patch is then a set of these pixels only.
    pub sample: f64,
    /// Seed of the sample.
    pub sample_seed: u64,
    /// Indices are cut at plus and minus this: some have no bounds where a denominator is small. Default: 10.
    pub index_limit: f64,
    /// Standardised numbers are cut at plus and minus this. Default: 5.
    pub clip: f64,
}

/// Which bands enter the pixel set themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandChoice {
    /// All but those with the roles R, G and B.
    BeyondRgb,
    /// All.
    All,
    /// None.
    None,
    /// Those of these names.
    Named(Vec<String>),
}

/// Which spectral indices enter the pixel set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexChoice {
    /// Of [`RECOMMENDED`](crate::RECOMMENDED), those that the bands allow.
    Recommended,
    /// Of [`INDICES`](crate::INDICES), those that the bands allow.
    All,
    /// None.
    None,
    /// Those of these names; an error if the bands do not allow one.
    Named(Vec<String>),
}

/// Untangled patch embedding (UPE): `x = x_P + inject * x_A` (equation 3 of the paper for `inject` 1), `x_A = T(s)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingConfig {
    /// `T`. Default: linear.
    pub map: MapConfig,
    /// Factor of `x_A` in the sum; 0 leaves `x_A` to the attention alone. Default: 1.
    pub inject: f64,
    /// What the norm of `x_A` is matched to. Default: per token.
    pub norm_match: NormMatch,
    /// The rows of `x_A` for class and register tokens. Default: zero.
    pub prefix: PrefixRows,
}

/// The map `T` from the numbers of a patch to a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MapConfig {
    /// `s W + b`, trained.
    Linear {},
    /// `GELU(s W1 + b1) W2 + b2`, trained.
    Mlp {
        /// Width of the hidden layer, 1 to 65536.
        hidden: usize,
    },
    /// `s W + b` as drawn, never trained.
    FrozenRandom {},
}

/// How the norm of `x_A` is matched to that of `x_P`, over the patch tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormMatch {
    /// Every token of `x_A` gets the norm of its token of `x_P`.
    PerToken,
    /// The mean norm of an image's tokens is matched.
    Mean,
    /// Not at all.
    Off,
}

/// The rows of `x_A` for class and register tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefixRows {
    /// Zero: these tokens stand for no pixels.
    Zero,
    /// Trained, zero at the start, without norm matching.
    Learned,
}

/// Untangled attention (uAtt): queries, keys and values of the spectral stream beside the frozen ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttentionConfig {
    /// Off leaves the untangled patch embedding alone. Default: on.
    pub enabled: bool,
    /// The blocks adapted. Default: the first three eighths (0 to 2 of 8, 0 to 8 of 24).
    pub blocks: BlockChoice,
    /// Rank (hidden size) of the new maps, 1 to the width of a token. Default: 8.
    pub rank: usize,
    /// Which of queries, keys and values the spectral stream has, in this order. Default: all.
    pub parts: Vec<Part>,
    /// One down-projection for all parts instead of one each. Default: no.
    pub shared_down: bool,
    /// Scale of the products. Default: that of the pretrained attention.
    pub scale: ScoreScale,
    /// What the new maps see. Default: the stream as it is.
    pub stream_norm: StreamNorm,
    /// Whether adapted blocks change the spectral stream. Default: no.
    pub stream: StreamUpdate,
    /// Factor with which the stream is added to the tokens again behind every adapted block. Default: 0.
    pub reinject: f64,
}

/// Which blocks are adapted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockChoice {
    /// The first blocks: this share of the depth, above 0 up to 1, rounded, at least one.
    Early(f64),
    /// These, counted from 0.
    List(Vec<usize>),
}

/// Queries, keys or values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Queries.
    Q,
    /// Keys.
    K,
    /// Values.
    V,
}

/// The factor of the products of queries and keys, with `h` the width of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreScale {
    /// `1 / sqrt(h)`, as pretrained.
    Head,
    /// `1 / sqrt(2 h)`: the sum of two streams counted as a vector of twice the width.
    TwoHeads,
}

/// What the maps of the spectral stream see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamNorm {
    /// The stream as it is.
    None,
    /// Every token shifted and scaled to mean 0 and variance 1, without parameters.
    Unit,
}

/// Whether adapted blocks change the spectral stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamUpdate {
    /// It stays as the embedding made it.
    Fixed,
    /// The part of the block's displacement that comes from spectral values is added to it.
    Updated,
}

/// The norm of the displacement of adapted blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeflectionConfig {
    /// Default: per token.
    pub constraint: Constraint,
    /// Whether the ratio of norms is a constant for the gradient. Default: no.
    pub detach_ratio: bool,
}

/// How the norm of the displacement is bound to the one that the pretrained attention would have produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// Equal for every token.
    PerToken,
    /// Equal in the mean over an image's tokens.
    Mean,
    /// Free.
    Off,
    /// Free, with a loss on the difference that the caller adds to its own.
    Soft,
}

impl Default for PixelSetConfig {
    fn default() -> Self {
        Self {
            bands: BandChoice::BeyondRgb,
            indices: IndexChoice::Recommended,
            statistics: vec![Statistic::Mean, Statistic::Std],
            sample: 1.0,
            sample_seed: 0,
            index_limit: 10.0,
            clip: 5.0,
        }
    }
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        Self {
            map: MapConfig::Linear {},
            inject: 1.0,
            norm_match: NormMatch::PerToken,
            prefix: PrefixRows::Zero,
        }
    }
}

impl Default for AttentionConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            blocks: BlockChoice::Early(0.375),
            rank: 8,
            parts: vec![Part::Q, Part::K, Part::V],
            shared_down: false,
            scale: ScoreScale::Head,
            stream_norm: StreamNorm::None,
            stream: StreamUpdate::Fixed,
            reinject: 0.0,
        }
    }
}

impl Default for DeflectionConfig {
    fn default() -> Self {
        Self {
            constraint: Constraint::PerToken,
            detach_ratio: false,
        }
    }
}

impl DeflectConfig {
    /// The defaults for images with these bands.
    pub fn new(spectrum: Spectrum) -> Self {
        Self {
            spectrum,
            pixels: PixelSetConfig::default(),
            embedding: EmbeddingConfig::default(),
            attention: AttentionConfig::default(),
            deflection: DeflectionConfig::default(),
            rgb_lora: None,
        }
    }
}
