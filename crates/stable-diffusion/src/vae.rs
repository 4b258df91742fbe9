//! The autoencoder between images and latents (Rombach et al. 2022; `AutoencoderKL` of diffusers).

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;
use burn::tensor::backend::Backend;
use vit_backbone::{Expected, ParameterSource, apply_linear};

use crate::build::{Builder, listed, total};
use crate::layers::{Conv, CrossAttention, GroupNorm, ResnetBlock, ResnetSizes, doubled};
use crate::{DiffusionError, VaeConfig};

/// Added to the variance in every norm of the autoencoder.
const EPSILON: f64 = 1e-6;

/// The encoder, and the decoder where it was asked for.
#[derive(Module, Debug)]
pub struct Vae<B: Backend> {
    /// From images to features of latents.
    pub encoder: VaeEncoder<B>,
    /// From those features to mean and logarithm of the variance.
    pub quant_conv: Conv<B>,
    /// From latents back to images; features do not need it.
    pub decoder: Option<VaeDecoder<B>>,
    /// Its sizes.
    #[module(skip)]
    pub config: VaeConfig,
}

/// Down path and middle.
#[derive(Module, Debug)]
pub struct VaeEncoder<B: Backend> {
    /// The first convolution.
    pub conv_in: Conv<B>,
    /// One level each.
    pub down_blocks: Vec<VaeBlock<B>>,
    /// The middle.
    pub mid_block: VaeMid<B>,
    /// Before the last convolution.
    pub conv_norm_out: GroupNorm<B>,
    /// The last convolution.
    pub conv_out: Conv<B>,
}

/// Middle and up path.
#[derive(Module, Debug)]
pub struct VaeDecoder<B: Backend> {
    /// From latents.
    pub post_quant_conv: Conv<B>,
    /// The first convolution.
    pub conv_in: Conv<B>,
    /// The middle.
    pub mid_block: VaeMid<B>,
    /// One level each, the coarsest first.
    pub up_blocks: Vec<VaeBlock<B>>,
    /// Before the last convolution.
    pub conv_norm_out: GroupNorm<B>,
    /// The last convolution.
    pub conv_out: Conv<B>,
}

/// Residual blocks and a change of resolution.
#[derive(Module, Debug)]
pub struct VaeBlock<B: Backend> {
    /// Residual blocks.
    pub resnets: Vec<ResnetBlock<B>>,
    /// The convolution that halves, or that follows a doubling; absent at the last level.
    pub resample: Option<Conv<B>>,
}

/// Two residual blocks around an attention with one head.
#[derive(Module, Debug)]
pub struct VaeMid<B: Backend> {
    /// Before and behind.
    pub resnets: Vec<ResnetBlock<B>>,
    /// Before the attention.
    pub group_norm: GroupNorm<B>,
    /// Among pixels.
    pub attention: CrossAttention<B>,
}

/// The normal distribution of the latents of some images.
#[derive(Debug, Clone)]
pub struct Posterior<B: Backend> {
    /// `[batch, latent_channels, height / 8, width / 8]`.
    pub mean: Tensor<B, 4>,
    /// Logarithm of the variance, between -30 and 20; as `mean`.
    pub logvar: Tensor<B, 4>,
}

impl<B: Backend> Posterior<B> {
    /// `mean + deviation * noise`, with standard normal noise of the same shape.
    pub fn sample(&self, noise: Tensor<B, 4>) -> Tensor<B, 4> {
        let noise = noise.cast(self.mean.dtype());
        self.mean.clone() + (self.logvar.clone() * 0.5).exp() * noise
    }
}

impl VaeConfig {
    /// Every parameter under its name in diffusers, without building the model.
    ///
    /// # Errors
    /// What [`VaeConfig::validate`] reports.
    pub fn parameters(&self, decoder: bool) -> Result<Vec<Expected>, DiffusionError> {
        self.validate()?;
        listed(|from| Vae::build(self, decoder, from))
    }

    /// Number of parameters with the decoder, without building the model.
    ///
    /// # Errors
    /// What [`VaeConfig::validate`] reports.
    pub fn parameter_count(&self) -> Result<usize, DiffusionError> {
        Ok(total(&self.parameters(true)?))
    }

    fn resnet(&self) -> ResnetSizes {
        ResnetSizes {
            groups: self.norm_num_groups,
            epsilon: EPSILON,
            time_dim: None,
        }
    }
}

impl<B: Backend> Vae<B> {
    /// A model whose parameters come from `source`, asked for by their names in diffusers.
    ///
    /// # Errors
    /// What [`VaeConfig::validate`] reports, or what the source fails with.
    pub fn from_source(
        config: &VaeConfig,
        decoder: bool,
        source: &mut dyn ParameterSource,
        device: &B::Device,
    ) -> Result<Self, DiffusionError> {
        config.validate()?;
        Self::build(config, decoder, Builder::new(source, device))
    }

    pub(crate) fn build(
        config: &VaeConfig,
        decoder: bool,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let moments = 2 * config.latent_channels;
        Ok(Self {
            encoder: VaeEncoder::build(config, from.child("encoder"))?,
            quant_conv: Conv::build(moments, moments, 1, from.child("quant_conv"))?,
            decoder: if decoder {
                Some(VaeDecoder::build(config, &mut from)?)
            } else {
                None
            },
            config: config.clone(),
        })
    }

    /// The distribution of the latents of images in `[-1, 1]`.
    ///
    /// # Shapes
    /// - `image`: `[batch, in_channels, height, width]`, sides multiples of [`VaeConfig::reduction`]
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] for other shapes.
    pub fn encode(&self, image: Tensor<B, 4>) -> Result<Posterior<B>, DiffusionError> {
        self.encode_watched(image, &mut |_, _| {})
    }

    /// [`Vae::encode`] that shows `watch` the output of every part of the encoder under its name: `conv_in`, `down_blocks.0` and so on,
    /// `mid_block`.
    ///
    /// # Errors
    /// As [`Vae::encode`].
    pub fn encode_watched(
        &self,
        image: Tensor<B, 4>,
        watch: &mut dyn FnMut(&str, &Tensor<B, 4>),
    ) -> Result<Posterior<B>, DiffusionError> {
        let [batch, channels, height, width] = image.dims();
        let (wanted, step) = (self.config.in_channels, self.config.reduction());
        let fits = |side: usize| side > 0 && side.is_multiple_of(step);
        if batch == 0 || channels != wanted || !fits(height) || !fits(width) {
            return Err(DiffusionError::argument(
                "the shape of the images",
                format!("{:?}", image.dims()),
                format!(
                    "[batch, {wanted}, height, width] with multiples of {step} as height and width"
                ),
            ));
        }
        let image = image.cast(self.quant_conv.weight.val().dtype());
        let moments = self.quant_conv.forward(self.encoder.forward(image, watch));
        let latent = self.config.latent_channels;
        Ok(Posterior {
            mean: moments.clone().narrow(1, 0, latent),
            logvar: moments.narrow(1, latent, latent).clamp(-30.0, 20.0),
        })
    }

    /// Images in about `[-1, 1]` from latents that are not scaled: `[batch, latent_channels, height, width]` to
    /// `[batch, out_channels, 8 height, 8 width]`.
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] for another number of channels, or without a decoder.
    pub fn decode(&self, latents: Tensor<B, 4>) -> Result<Tensor<B, 4>, DiffusionError> {
        self.decode_watched(latents, &mut |_, _| {})
    }

    /// [`Vae::decode`] that shows `watch` the output of every part of the decoder under its name: `conv_in`, `mid_block`, `up_blocks.0` and so on.
    ///
    /// # Errors
    /// As [`Vae::decode`].
    pub fn decode_watched(
        &self,
        latents: Tensor<B, 4>,
        watch: &mut dyn FnMut(&str, &Tensor<B, 4>),
    ) -> Result<Tensor<B, 4>, DiffusionError> {
        let Some(decoder) = &self.decoder else {
            return Err(DiffusionError::argument(
                "the decoder",
                "absent",
                "a model that was loaded with it",
            ));
        };
        if latents.dims()[1] != self.config.latent_channels {
            return Err(DiffusionError::argument(
                "the shape of the latents",
                format!("{:?}", latents.dims()),
                format!("[batch, {}, height, width]", self.config.latent_channels),
            ));
        }
        let dtype = self.quant_conv.weight.val().dtype();
        Ok(decoder.forward(latents.cast(dtype), watch))
    }
}

impl<B: Backend> VaeEncoder<B> {
    fn build(config: &VaeConfig, mut from: Builder<'_, B>) -> Result<Self, DiffusionError> {
        let channels = &config.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let mut down_blocks = Vec::new();
        for (level, dim) in channels.iter().enumerate() {
            let mut from = from.child(format!("down_blocks.{level}"));
            let mut inputs = channels[level.saturating_sub(1)];
            let mut resnets = Vec::new();
            for layer in 0..config.layers_per_block {
                let from = from.child(format!("resnets.{layer}"));
                resnets.push(ResnetBlock::build(inputs, *dim, config.resnet(), from)?);
                inputs = *dim;
            }
            let resample = if level + 1 == channels.len() {
                None
            } else {
                let from = from.child("downsamplers.0.conv");
                Some(Conv::build_halving(*dim, 0, from)?)
            };
            down_blocks.push(VaeBlock { resnets, resample });
        }
        let norm = from.child("conv_norm_out");
        let conv_norm_out = GroupNorm::build(last, config.norm_num_groups, EPSILON, norm)?;
        let moments = 2 * config.latent_channels;
        Ok(Self {
            conv_in: Conv::build(config.in_channels, first, 3, from.child("conv_in"))?,
            down_blocks,
            mid_block: VaeMid::build(config, from.child("mid_block"))?,
            conv_norm_out,
            conv_out: Conv::build(last, moments, 3, from.child("conv_out"))?,
        })
    }

    fn forward(
        &self,
        image: Tensor<B, 4>,
        watch: &mut dyn FnMut(&str, &Tensor<B, 4>),
    ) -> Tensor<B, 4> {
        let mut x = self.conv_in.forward(image);
        watch("conv_in", &x);
        for (number, block) in self.down_blocks.iter().enumerate() {
            x = block.forward(x, |x| x);
            watch(&format!("down_blocks.{number}"), &x);
        }
        let x = self.mid_block.forward(x);
        watch("mid_block", &x);
        self.conv_out.forward(silu(self.conv_norm_out.forward(x)))
    }
}

impl<B: Backend> VaeDecoder<B> {
    fn build(config: &VaeConfig, from: &mut Builder<'_, B>) -> Result<Self, DiffusionError> {
        let latent = config.latent_channels;
        let post_quant_conv = Conv::build(latent, latent, 1, from.child("post_quant_conv"))?;
        let mut from = from.child("decoder");
        let channels: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let mut up_blocks = Vec::new();
        for (level, dim) in channels.iter().enumerate() {
            let mut from = from.child(format!("up_blocks.{level}"));
            let mut inputs = channels[level.saturating_sub(1)];
            let mut resnets = Vec::new();
            for layer in 0..=config.layers_per_block {
                let from = from.child(format!("resnets.{layer}"));
                resnets.push(ResnetBlock::build(inputs, *dim, config.resnet(), from)?);
                inputs = *dim;
            }
            let resample = if level + 1 == channels.len() {
                None
            } else {
                let from = from.child("upsamplers.0.conv");
                Some(Conv::build(*dim, *dim, 3, from)?)
            };
            up_blocks.push(VaeBlock { resnets, resample });
        }
        let norm = from.child("conv_norm_out");
        let conv_norm_out = GroupNorm::build(last, config.norm_num_groups, EPSILON, norm)?;
        Ok(Self {
            post_quant_conv,
            conv_in: Conv::build(latent, first, 3, from.child("conv_in"))?,
            mid_block: VaeMid::build(config, from.child("mid_block"))?,
            up_blocks,
            conv_norm_out,
            conv_out: Conv::build(last, config.out_channels, 3, from.child("conv_out"))?,
        })
    }

    fn forward(
        &self,
        latents: Tensor<B, 4>,
        watch: &mut dyn FnMut(&str, &Tensor<B, 4>),
    ) -> Tensor<B, 4> {
        let x = self.conv_in.forward(self.post_quant_conv.forward(latents));
        watch("conv_in", &x);
        let mut x = self.mid_block.forward(x);
        watch("mid_block", &x);
        for (number, block) in self.up_blocks.iter().enumerate() {
            x = block.forward(x, doubled);
            watch(&format!("up_blocks.{number}"), &x);
        }
        self.conv_out.forward(silu(self.conv_norm_out.forward(x)))
    }
}

impl<B: Backend> VaeBlock<B> {
    /// `before` acts in front of the convolution that changes the resolution.
    fn forward(
        &self,
        mut x: Tensor<B, 4>,
        before: impl Fn(Tensor<B, 4>) -> Tensor<B, 4>,
    ) -> Tensor<B, 4> {
        for resnet in &self.resnets {
            x = resnet.forward(x, None);
        }
        match &self.resample {
            Some(conv) => conv.forward(before(x)),
            None => x,
        }
    }
}

impl<B: Backend> VaeMid<B> {
    fn build(config: &VaeConfig, mut from: Builder<'_, B>) -> Result<Self, DiffusionError> {
        let dim = config.block_out_channels[config.block_out_channels.len() - 1];
        let mut resnets = Vec::new();
        for name in ["resnets.0", "resnets.1"] {
            resnets.push(ResnetBlock::build(
                dim,
                dim,
                config.resnet(),
                from.child(name),
            )?);
        }
        let mut attention = from.child("attentions.0");
        let norm = attention.child("group_norm");
        Ok(Self {
            resnets,
            group_norm: GroupNorm::build(dim, config.norm_num_groups, EPSILON, norm)?,
            attention: CrossAttention::build(dim, dim, 1, true, attention)?,
        })
    }

    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let x = self.resnets[0].forward(x, None);
        let [batch, dim, height, width] = x.dims();
        let tokens = self
            .group_norm
            .forward(x.clone())
            .reshape([batch, dim, height * width])
            .swap_dims(1, 2);
        let tokens = self
            .attention
            .forward(tokens, None, |_, base, x| apply_linear(base, x));
        let x = x + tokens.swap_dims(1, 2).reshape([batch, dim, height, width]);
        self.resnets[1].forward(x, None)
    }
}
