//! The model as a whole: loading a directory, latents of images, contexts of prompts.

use std::path::Path;

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Tensor};
use vit_backbone::TensorFile;

use crate::build::Builder;
use crate::load::{FileSource, Part};
use crate::{
    ClipTokenizer, DiffusionError, Directory, NoiseSchedule, PartReport, Posterior, Prompt,
    TextConfig, TextEncoder, Unet, UnetConfig, Vae, VaeConfig,
};

/// Which parts of a model to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOptions {
    /// The up path of the U-Net: needed for predictions, for training, and for features of its blocks.
    pub up_path: bool,
    /// The decoder of the autoencoder: needed to see latents as images.
    pub decoder: bool,
    /// A variant of the files, such as `fp16` or `non_ema`.
    pub variant: Option<String>,
    /// Type of the model's numbers, whatever the files': half precision and bfloat16 take half the memory of single. `None` is the backend's
    /// own. Images and noise may be of any type; a LoRA keeps its own.
    pub dtype: Option<FloatDType>,
}

impl Default for LoadOptions {
    /// The whole U-Net, no decoder, full precision where it is there.
    fn default() -> Self {
        Self {
            up_path: true,
            decoder: false,
            variant: None,
            dtype: None,
        }
    }
}

/// What loading a directory found and did.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct DiffusionReport {
    /// The U-Net.
    pub unet: PartReport,
    /// The autoencoder.
    pub vae: PartReport,
    /// The text encoder.
    pub text_encoder: PartReport,
}

/// A frozen Stable Diffusion: tokenizer, text encoder, autoencoder, U-Net and noise schedule.
#[derive(Debug, Clone)]
pub struct StableDiffusion<B: Backend> {
    /// From text to tokens.
    pub tokenizer: ClipTokenizer,
    /// From tokens to the context.
    pub text_encoder: TextEncoder<B>,
    /// From images to latents.
    pub vae: Vae<B>,
    /// From noised latents and context to features and to the noise.
    pub unet: Unet<B>,
    /// How latents are noised.
    pub schedule: NoiseSchedule,
}

impl<B: Backend> StableDiffusion<B> {
    /// Loads a directory in the layout of diffusers, from safetensors or `.bin` files, in single or half precision; values become
    /// the backend's floats or [`LoadOptions::dtype`]. Every part is compared with its files before anything is read, then read tensor by tensor: beside
    /// the model itself, one tensor is in memory. No parameter of the model asks for gradients.
    ///
    /// # Errors
    /// [`DiffusionError::File`], [`DiffusionError::Config`] and [`DiffusionError::Backbone`] for directories and files that
    /// are not what they should be, and for a type that the backend does not have; [`DiffusionError::Weights`] with the report when names, shapes or
    /// types do not fit.
    pub fn load(
        path: impl AsRef<Path>,
        options: &LoadOptions,
        device: &B::Device,
    ) -> Result<(Self, DiffusionReport), DiffusionError> {
        let Opened {
            inspection,
            tokenizer,
            schedule,
            mut unet,
            mut vae,
            mut text,
        } = Opened::open(path.as_ref(), options)?;
        let Inspection {
            unet: unet_config,
            vae: vae_config,
            text_encoder: text_config,
            report,
            ..
        } = inspection;
        let LoadOptions {
            up_path, decoder, ..
        } = *options;
        let model = Self {
            tokenizer,
            text_encoder: TextEncoder::build(
                &text_config,
                Builder::new(&mut text, device).with_dtype(options.dtype)?,
            )?
            .no_grad(),
            vae: Vae::build(
                &vae_config,
                decoder,
                Builder::new(&mut vae, device).with_dtype(options.dtype)?,
            )?
            .no_grad(),
            unet: Unet::build(
                &unet_config,
                up_path,
                Builder::new(&mut unet, device).with_dtype(options.dtype)?,
            )?
            .no_grad(),
            schedule,
        };
        Ok((model, report))
    }

    /// The tokens of a prompt; those that do not fit are cut off and reported in [`Prompt::cut`]. The empty text is the null
    /// prompt.
    ///
    /// # Errors
    /// What [`ClipTokenizer::encode`] reports.
    pub fn prompt(&self, text: &str) -> Result<Prompt, DiffusionError> {
        let length = self.text_encoder.config.max_position_embeddings;
        self.tokenizer.encode(text, length)
    }

    /// The context of prompts: `[prompts, 77, cross_attention_dim]`.
    ///
    /// # Errors
    /// What [`TextEncoder::encode`] reports.
    pub fn context(&self, prompts: &[Prompt]) -> Result<Tensor<B, 3>, DiffusionError> {
        let ids: Vec<_> = prompts.iter().map(|prompt| prompt.ids.clone()).collect();
        self.text_encoder.encode(&ids)
    }

    /// The factor by which the sides of an image must be divisible: 64 for Stable Diffusion v1.
    pub fn reduction(&self) -> usize {
        self.vae.config.reduction() * self.unet.config.reduction()
    }

    /// The distribution of the latents of images with values in `[-1, 1]`, that is `2 x - 1` of `[0, 1]`; not scaled yet.
    ///
    /// # Shapes
    /// - `image`: `[batch, 3, height, width]`, sides multiples of [`StableDiffusion::reduction`]
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] for other shapes and for values that are not finite.
    pub fn posterior(&self, image: Tensor<B, 4>) -> Result<Posterior<B>, DiffusionError> {
        let [_, _, height, width] = image.dims();
        let step = self.reduction();
        if !height.is_multiple_of(step) || !width.is_multiple_of(step) {
            let near = |side: usize| side.div_ceil(step).max(1) * step;
            return Err(DiffusionError::argument(
                "the size of the images",
                format!("{height} x {width}"),
                format!(
                    "multiples of {step}: resize or pad to {} x {}",
                    near(height),
                    near(width)
                ),
            ));
        }
        let data = image.clone().into_data();
        let wrong = data.iter::<f32>().filter(|v| !v.is_finite()).count();
        if wrong > 0 {
            return Err(DiffusionError::argument(
                "the image",
                format!("not finite at {wrong} places"),
                "numbers in [-1, 1]: fill missing pixels, with 0 for example",
            ));
        }
        self.vae.encode(image)
    }

    /// Latents as the U-Net was trained on them: the distribution's mean, or a draw from it, times the scaling factor.
    pub fn latents(&self, posterior: &Posterior<B>, noise: Option<Tensor<B, 4>>) -> Tensor<B, 4> {
        let latents = match noise {
            Some(noise) => posterior.sample(noise),
            None => posterior.mean.clone(),
        };
        latents.mul_scalar(self.vae.config.scaling_factor)
    }
}

/// What a directory holds, found without reading a weight.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Inspection {
    /// The directory with `model_index.json`.
    pub root: std::path::PathBuf,
    /// Sizes of the U-Net.
    pub unet: UnetConfig,
    /// Sizes of the autoencoder.
    pub vae: VaeConfig,
    /// Sizes of the text encoder.
    pub text_encoder: TextConfig,
    /// Number of time steps of the noise schedule.
    pub time_steps: usize,
    /// Files, and how their tensors fit.
    pub report: DiffusionReport,
}

impl Inspection {
    /// Whether all sizes are those of Stable Diffusion v1 (1.1 to 1.5, and what was tuned from them).
    pub fn is_v1(&self) -> bool {
        self.unet == UnetConfig::sd_v1_5()
            && self.vae == VaeConfig::sd_v1_5()
            && self.text_encoder == TextConfig::sd_v1_5()
    }
}

/// Describes a directory: its parts are compared with their files as [`StableDiffusion::load`] does, but no weight is read.
///
/// # Errors
/// As [`StableDiffusion::load`].
pub fn inspect(
    path: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<Inspection, DiffusionError> {
    Ok(Opened::open(path.as_ref(), options)?.inspection)
}

/// A directory whose parts have been compared with their files.
struct Opened {
    inspection: Inspection,
    tokenizer: ClipTokenizer,
    schedule: NoiseSchedule,
    unet: FileSource,
    vae: FileSource,
    text: FileSource,
}

impl Opened {
    fn open(path: &Path, options: &LoadOptions) -> Result<Self, DiffusionError> {
        let directory = Directory::open(path, options.variant.as_deref())?;
        let schedule =
            NoiseSchedule::from_file(directory.file("scheduler/scheduler_config.json")?)?;
        let unet_config = UnetConfig::from_file(directory.file("unet/config.json")?)?;
        let vae_config = VaeConfig::from_file(directory.file("vae/config.json")?)?;
        let text_config = TextConfig::from_file(directory.file("text_encoder/config.json")?)?;
        let tokenizer = ClipTokenizer::load(directory.tokenizer())?;
        check_widths(&unet_config, &vae_config, &text_config, &tokenizer)?;
        let LoadOptions {
            up_path, decoder, ..
        } = *options;
        let (unet, unet_report) = FileSource::compare(
            TensorFile::open(directory.diffusers_weights("unet")?)?,
            Part::Unet { up_path },
            &unet_config.parameters(up_path)?,
        )?;
        let (vae, vae_report) = FileSource::compare(
            TensorFile::open(directory.diffusers_weights("vae")?)?,
            Part::Vae { decoder },
            &vae_config.parameters(decoder)?,
        )?;
        let (text, text_report) = FileSource::compare(
            TensorFile::open(directory.transformers_weights("text_encoder")?)?,
            Part::Text,
            &text_config.parameters()?,
        )?;
        let inspection = Inspection {
            root: directory.root().to_owned(),
            unet: unet_config,
            vae: vae_config,
            text_encoder: text_config,
            time_steps: schedule.steps(),
            report: DiffusionReport {
                unet: unet_report,
                vae: vae_report,
                text_encoder: text_report,
            },
        };
        Ok(Self {
            inspection,
            tokenizer,
            schedule,
            unet,
            vae,
            text,
        })
    }
}

/// Parts of different models have widths that do not fit.
fn check_widths(
    unet: &UnetConfig,
    vae: &VaeConfig,
    text: &TextConfig,
    tokenizer: &ClipTokenizer,
) -> Result<(), DiffusionError> {
    for (field, found, expected, other) in [
        (
            "cross_attention_dim of unet/config.json",
            unet.cross_attention_dim,
            text.hidden_size,
            "hidden_size of the text encoder",
        ),
        (
            "in_channels of unet/config.json",
            unet.in_channels,
            vae.latent_channels,
            "latent_channels of the autoencoder",
        ),
    ] {
        if found != expected {
            return Err(DiffusionError::config(
                field,
                found,
                format!("{expected}, the {other}: take all parts from one model"),
            ));
        }
    }
    if tokenizer.size() > text.vocab_size {
        return Err(DiffusionError::config(
            "vocab_size of text_encoder/config.json",
            text.vocab_size,
            format!(
                "at least {}, the tokens of the tokenizer: take both from one model",
                tokenizer.size()
            ),
        ));
    }
    Ok(())
}
