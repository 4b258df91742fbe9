//! Stable Diffusion v1 as a feature extractor: autoencoder, text encoder with its tokenizer, U-Net, noise schedule; [`UnetSeam`],
//! the trait through which an adapter acts on the linear maps of the frozen U-Net; LoRA files of diffusers; the denoising objective.
//!
//! The networks compute what `diffusers` and `transformers` compute and load the directories that these save. Nothing here
//! draws pictures: there is no sampler.
//!
//! ```no_run
//! use burn::tensor::Tensor;
//! use stable_diffusion::{FeatureOptions, LoadOptions, StableDiffusion};
//! # type B = burn_flex::Flex;
//! # let device = Default::default();
//! let (model, report) = StableDiffusion::<B>::load("stable-diffusion-v1-5", &LoadOptions::default(), &device)?;
//! println!("{}", report.unet);
//! let context = model.context(&[model.prompt("")?])?; // the null prompt
//! let image = Tensor::zeros([1, 3, 512, 512], &device); // values in [-1, 1]
//! let features = model.features(image, &context, &FeatureOptions::default(), &())?;
//! assert_eq!(features.dims(), [1, 1280, 8, 8]);
//! # Ok::<(), stable_diffusion::DiffusionError>(())
//! ```

mod build;
mod config;
mod directory;
mod error;
mod features;
mod layers;
mod load;
mod lora;
mod loss;
mod model;
mod noise;
mod schedule;
mod seam;
mod site;
mod text;
mod tokenizer;
mod unet;
mod vae;

pub use config::{TextConfig, UnetConfig, VaeConfig};
pub use directory::Directory;
pub use error::DiffusionError;
pub use features::{Draws, FeatureOptions};
pub use layers::{Conv, CrossAttention, GroupNorm, Projection, ResnetBlock, SpatialTransformer};
pub use load::PartReport;
pub use lora::{LoraLoadOptions, LoraReport, UnetLora, UnetLoraMap};
pub use loss::denoising_loss;
pub use model::{DiffusionReport, Inspection, LoadOptions, StableDiffusion, inspect};
pub use noise::standard_normal;
pub use schedule::{BetaSchedule, NoiseSchedule, Prediction};
pub use seam::UnetSeam;
pub use site::{Stage, UnetMap, UnetSite};
pub use text::{TextEncoder, TextLayer};
pub use tokenizer::{ClipTokenizer, PROMPT_LENGTH, Prompt};
pub use unet::{DownBlock, MidBlock, TimeEmbedding, Unet, UpBlock, UpPath};
pub use vae::{Posterior, Vae, VaeBlock, VaeDecoder, VaeEncoder, VaeMid};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
