//! The autoencoder's sizes: `vae/config.json` of diffusers.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::fields::Fields;
use crate::DiffusionError;

/// Sizes of an `AutoencoderKL` of diffusers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VaeConfig {
    /// Channels of an image.
    pub in_channels: usize,
    /// Channels of a decoded image.
    pub out_channels: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of each level, the finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks per level of the encoder; the decoder has one more.
    pub layers_per_block: usize,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// The factor between the encoder's latents and what the U-Net was trained on.
    pub scaling_factor: f64,
}

impl VaeConfig {
    /// Stable Diffusion v1.5: 83,653,863 parameters, 34,163,664 of them in the encoder.
    pub fn sd_v1_5() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            block_out_channels: vec![128, 256, 512, 512],
            layers_per_block: 2,
            norm_num_groups: 32,
            scaling_factor: 0.18215,
        }
    }

    /// Reads `vae/config.json`; fields that are absent have the values of Stable Diffusion v1.
    ///
    /// # Errors
    /// [`DiffusionError::Io`], [`DiffusionError::File`], or [`DiffusionError::Config`] naming the field.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, DiffusionError> {
        let fields = Fields::open(path.as_ref())?;
        fields.only(&[
            ("_class_name", json!("AutoencoderKL")),
            ("act_fn", json!("silu")),
            ("latents_mean", json!(null)),
            ("latents_std", json!(null)),
            ("mid_block_add_attention", json!(true)),
            ("shift_factor", json!(null)),
            ("use_quant_conv", json!(true)),
            ("use_post_quant_conv", json!(true)),
        ])?;
        fields.choices("down_block_types", &[("DownEncoderBlock2D", ())])?;
        fields.choices("up_block_types", &[("UpDecoderBlock2D", ())])?;
        let config = Self {
            in_channels: fields.count("in_channels", Some(3))?,
            out_channels: fields.count("out_channels", Some(3))?,
            latent_channels: fields.count("latent_channels", Some(4))?,
            block_out_channels: fields.counts("block_out_channels", 1)?,
            layers_per_block: fields.count("layers_per_block", Some(1))?,
            norm_num_groups: fields.count("norm_num_groups", Some(32))?,
            scaling_factor: fields.number("scaling_factor", 0.18215)?,
        };
        config
            .validate()
            .map_err(|error| error.in_file(fields.path()))?;
        Ok(config)
    }

    /// The factor by which latents are smaller than images, per axis.
    pub fn reduction(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }

    /// Checks that the sizes fit one another.
    ///
    /// # Errors
    /// [`DiffusionError::Config`] naming the field.
    pub fn validate(&self) -> Result<(), DiffusionError> {
        super::check_channels(&self.block_out_channels, self.norm_num_groups)?;
        for (field, found) in [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("latent_channels", self.latent_channels),
            ("layers_per_block", self.layers_per_block),
        ] {
            super::check_size(field, found)?;
        }
        if !(self.scaling_factor.is_finite() && self.scaling_factor > 0.0) {
            return Err(DiffusionError::config(
                "scaling_factor",
                self.scaling_factor,
                "a number above 0",
            ));
        }
        Ok(())
    }
}
