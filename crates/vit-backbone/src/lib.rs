//! Vision transformers exactly as timm and MAE publish them: their configuration, forward pass, features, checkpoints,
//! masked-autoencoder pretraining, and [`Seam`], the trait through which an adapter acts on a frozen model.
//!
//! The crate is generic over burn's [`Backend`](burn::tensor::backend::Backend). It knows no adaptation method, and nothing it computes
//! depends on a sensor or a data set; [`presets`] says, as data, which published weights there are and what they expect.
//!
//! ```
//! use burn::tensor::Tensor;
//! use vit_backbone::{pool, Pooling, Vit, VitConfig};
//! # type B = burn_flex::Flex;
//! # let device = Default::default();
//! let config = VitConfig { image_size: 16, patch_size: 8, dim: 8, depth: 2, heads: 2, mlp_dim: 16, ..VitConfig::default() };
//! let vit = Vit::<B>::init(&config, 7, &device)?;
//! let image = Tensor::<B, 4>::zeros([1, 3, 16, 16], &device);
//! let tokens = vit.forward(image, &()); // `()` is the frozen model
//! let feature = pool(tokens, vit.prefix_tokens(&()), Pooling::PatchMean);
//! assert_eq!(feature.dims(), [1, 8]);
//! # Ok::<(), vit_backbone::BackboneError>(())
//! ```

mod activation;
mod attention;
mod block;
mod build;
mod checkpoint;
mod config;
mod context;
mod drop_path;
mod embed;
mod error;
mod features;
mod groups;
mod inflate;
mod init;
mod layer_scale;
mod linear;
mod mae;
mod mlp;
mod names;
mod norm;
mod pass;
mod positions;
mod seam;
mod site;
mod spectral;
mod vit;
mod zoo;

pub use attention::Attention;
pub use block::Block;
pub use checkpoint::{
    ConfigSource, Dtype, Expected, Format, Found, Heads, LoadOptions, LoadProgress, LoadReport,
    Loaded, Mismatch, SaveReport, StoredType, TensorFile, Unused, UnusedReason, fingerprint,
    load_vit, load_vit_watched, nearest_name, save_vit, sha256_bytes, sha256_file,
};
pub use config::{
    Activation, ChannelGroups, Interpolation, PositionKind, SpectralEmbedConfig, SpectralStyle,
    VitConfig,
};
pub use context::CoordinateEmbed;
pub use drop_path::DropPath;
pub use embed::TokenEmbed;
pub use error::BackboneError;
pub use features::{FeatureRequest, Pooling, mean_over_groups, pool, to_map};
pub use groups::GroupEmbed;
pub use inflate::PatchEmbedInit;
pub use init::{InitRule, ParameterSource, SeededInit};
pub use layer_scale::LayerScale;
pub use linear::apply_linear;
pub use mae::{Mae, MaeConfig, MaeDecoder, MaskPlan};
pub use mlp::Mlp;
pub use norm::LayerNorm;
pub use pass::Pass;
pub use positions::{
    GroundPositions, METADATA, MetadataPositions, PositionTable, Rotary, RotaryPositions,
    resample_matrix, sin_cos_1d, sin_cos_2d, sin_cos_3d,
};
pub use seam::Seam;
pub use site::{LayerScaleSite, LinearMap, LinearSite, NormSite};
pub use spectral::SpectralEmbed;
pub use vit::Vit;
pub use zoo::{
    Family, InputUnit, MeasuredErrors, Normalisation, Preset, Recognition, preset, presets,
    recognise, zoo_page,
};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
