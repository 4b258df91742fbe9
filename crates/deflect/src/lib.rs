//! DEFLECT (Thoreau, Marsocci & Derksen, "Parameter-Efficient Adaptation of Geospatial Foundation Models through Embedding
//! Deflection", ICCV 2025): a vision transformer pretrained on RGB imagery reads any number of further bands, its own weights frozen.
//!
//! | file | term of the paper |
//! |---|---|
//! | `embedding.rs` | untangled patch embedding, `x = x_P + x_A` (equation 3) |
//! | `attention.rs` | untangled attention: four products of RGB and spectral stream under one softmax (equation 1) |
//! | `deflection.rs` | the norm of an adapted block's displacement is the pretrained one's |
//! | `pixel_set.rs`, `statistics.rs` | what a patch's pixels say about its spectra, whatever their places |
//! | `bands.rs`, `formula.rs`, `arithmetic.rs`, `indices.rs`, `features.rs` | spectral indices for the bands at hand |
//! | `standardise.rs`, `map.rs` | from pooled numbers to the width of a token |
//! | `config.rs`, `count.rs`, `cost.rs`, `adapter.rs`, `file.rs` | configuration, parameters, arithmetic, the adapter, its file |
//! | `image_statistics.rs` | the same numbers over a whole image, without a backbone: a control |
//!
//! The paper's code was not at hand: what it leaves open is an option, and `docs/deviations.md` lists the interpretations.
//!
//! ```
//! use burn::tensor::Tensor;
//! use deflect::{Deflect, DeflectConfig, SpectralBand, Spectrum, Standardisation};
//! use vit_backbone::{Vit, VitConfig};
//! # type B = burn_flex::Flex;
//! # let device = Default::default();
//! let vit_config = VitConfig { image_size: 16, patch_size: 8, dim: 8, depth: 2, heads: 2, mlp_dim: 16, ..VitConfig::default() };
//! let vit = Vit::<B>::init(&vit_config, 7, &device)?;
//! // Channels 0 to 2 are what the pretrained embedding sees, channels 3 to 6 are reflectances times 10000.
//! let band = |name, channel, nm| SpectralBand::optical(name, channel, nm).with_map(1e-4, 0.0);
//! let spectrum = Spectrum::new(vec![
//!     band("blue", 3, 490.0), band("green", 4, 560.0), band("red", 5, 665.0), band("nir", 6, 842.0),
//! ]);
//! let config = DeflectConfig::new(spectrum);
//! let image = Tensor::<B, 4>::random([2, 7, 16, 16], burn::tensor::Distribution::Default, &device) * 3000.0;
//! let statistics = Standardisation::fit(&config.pixel_set(&vit_config)?, [image.clone()])?;
//! let adapter = Deflect::init(&config, &vit_config, &statistics, 1, &device)?;
//! let tokens = vit.forward(image, &adapter);
//! assert_eq!(tokens.dims(), [2, 5, 8]);
//! assert_eq!(config.count(&vit_config)?.trainable, adapter.trainable_parameters());
//! # Ok::<(), deflect::DeflectError>(())
//! ```

mod adapter;
mod arithmetic;
mod attention;
mod bands;
mod config;
mod cost;
mod count;
mod deflection;
mod embedding;
mod error;
mod features;
mod file;
mod formula;
mod image_statistics;
mod indices;
mod map;
mod norms;
mod pixel_set;
mod spectrum;
mod standardise;
mod statistics;

pub use adapter::{Deflect, SpectralState};
pub use arithmetic::{LARGEST, NEUTRAL, Pixels, SMALLEST_DENOMINATOR};
pub use attention::UntangledAttention;
pub use bands::{Role, assign_roles};
pub use config::{
    AttentionConfig, BandChoice, BlockChoice, Constraint, DeflectConfig, DeflectionConfig,
    EmbeddingConfig, IndexChoice, MapConfig, NormMatch, Part, PixelSetConfig, PrefixRows,
    ScoreScale, Statistic, StreamNorm, StreamUpdate,
};
pub use deflection::norm_gap;
pub use embedding::SpectralEmbedding;
pub use error::DeflectError;
pub use features::{Feature, Source};
pub use file::LoadedDeflect;
pub use formula::{CONSTANTS, Formula};
pub use image_statistics::ImageStatistics;
pub use indices::{INDICES, RECOMMENDED, SpectralIndex, find_index};
pub use map::{Affine, FixedAffine, SpectralMap, TwoLayers};
pub use pixel_set::{PixelSet, Pooled};
pub use spectrum::{SpectralBand, Spectrum};
pub use standardise::{Standardisation, Standardise};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
