//! The U-Net's sizes: `unet/config.json` of diffusers.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::fields::Fields;
use crate::DiffusionError;

/// Sizes of a `UNet2DConditionModel` of diffusers with one transformer block per attention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnetConfig {
    /// Channels of the latents that go in.
    pub in_channels: usize,
    /// Channels that come out.
    pub out_channels: usize,
    /// Channels of each level, the finest first. The up path has the same in reverse.
    pub block_out_channels: Vec<usize>,
    /// Which down blocks have attention.
    pub down_attention: Vec<bool>,
    /// Which up blocks have attention, in the order in which they run.
    pub up_attention: Vec<bool>,
    /// Residual blocks per down block; up blocks have one more.
    pub layers_per_block: usize,
    /// Heads of the attention at each level, the finest first. diffusers calls the field `attention_head_dim`.
    pub heads: Vec<usize>,
    /// Width of the context, that is of the text encoder.
    pub cross_attention_dim: usize,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Added to the variance in residual blocks and before the output.
    pub norm_eps: f64,
    /// Whether cosines stand before sines in the embedding of time.
    pub flip_sin_to_cos: bool,
    /// Subtracted from the number of frequencies in the embedding of time.
    pub freq_shift: f64,
    /// Whether the maps around the transformer blocks are stored as matrices, not as convolutions of size one. Either way they are linear maps.
    pub use_linear_projection: bool,
}

impl UnetConfig {
    /// Stable Diffusion v1.5 (and v1.1 to v1.4): 859,520,964 parameters.
    pub fn sd_v1_5() -> Self {
        Self {
            in_channels: 4,
            out_channels: 4,
            block_out_channels: vec![320, 640, 1280, 1280],
            down_attention: vec![true, true, true, false],
            up_attention: vec![false, true, true, true],
            layers_per_block: 2,
            heads: vec![8; 4],
            cross_attention_dim: 768,
            norm_num_groups: 32,
            norm_eps: 1e-5,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            use_linear_projection: false,
        }
    }

    /// Reads `unet/config.json`; fields that are absent have the defaults of diffusers.
    ///
    /// # Errors
    /// [`DiffusionError::Io`], [`DiffusionError::File`], or [`DiffusionError::Config`] naming the field.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, DiffusionError> {
        let fields = Fields::open(path.as_ref())?;
        fields.only(&[
            ("_class_name", json!("UNet2DConditionModel")),
            ("act_fn", json!("silu")),
            ("addition_embed_type", json!(null)),
            ("attention_type", json!("default")),
            ("center_input_sample", json!(false)),
            ("class_embed_type", json!(null)),
            ("conv_in_kernel", json!(3)),
            ("conv_out_kernel", json!(3)),
            ("cross_attention_norm", json!(null)),
            ("downsample_padding", json!(1)),
            ("dual_cross_attention", json!(false)),
            ("encoder_hid_dim", json!(null)),
            ("encoder_hid_dim_type", json!(null)),
            ("mid_block_only_cross_attention", json!(false)),
            ("mid_block_scale_factor", json!(1)),
            ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
            ("num_class_embeds", json!(null)),
            ("only_cross_attention", json!(false)),
            ("projection_class_embeddings_input_dim", json!(null)),
            ("resnet_out_scale_factor", json!(1)),
            ("resnet_skip_time_act", json!(false)),
            ("resnet_time_scale_shift", json!("default")),
            ("reverse_transformer_layers_per_block", json!(null)),
            ("time_cond_proj_dim", json!(null)),
            ("time_embedding_act_fn", json!(null)),
            ("time_embedding_dim", json!(null)),
            ("time_embedding_type", json!("positional")),
            ("timestep_post_act", json!(null)),
            ("transformer_layers_per_block", json!(1)),
        ])?;
        let default = Self::sd_v1_5();
        let channels = match fields.get("block_out_channels") {
            Some(_) => fields.counts("block_out_channels", 1)?,
            None => default.block_out_channels,
        };
        let levels = channels.len();
        let down = [("CrossAttnDownBlock2D", true), ("DownBlock2D", false)];
        let up = [("CrossAttnUpBlock2D", true), ("UpBlock2D", false)];
        let heads = ["num_attention_heads", "attention_head_dim"]
            .into_iter()
            .find(|name| fields.get(name).is_some());
        let config = Self {
            in_channels: fields.count("in_channels", Some(4))?,
            out_channels: fields.count("out_channels", Some(4))?,
            block_out_channels: channels,
            down_attention: fields
                .choices("down_block_types", &down)?
                .unwrap_or(default.down_attention),
            up_attention: fields
                .choices("up_block_types", &up)?
                .unwrap_or(default.up_attention),
            layers_per_block: fields.count("layers_per_block", Some(2))?,
            heads: match heads {
                Some(name) => fields.counts(name, levels)?,
                None => vec![8; levels],
            },
            cross_attention_dim: fields.count("cross_attention_dim", Some(1280))?,
            norm_num_groups: fields.count("norm_num_groups", Some(32))?,
            norm_eps: fields.number("norm_eps", 1e-5)?,
            flip_sin_to_cos: fields.flag("flip_sin_to_cos", true)?,
            freq_shift: fields.number("freq_shift", 0.0)?,
            use_linear_projection: fields.flag("use_linear_projection", false)?,
        };
        config
            .validate()
            .map_err(|error| error.in_file(fields.path()))?;
        Ok(config)
    }

    /// Number of levels.
    pub fn levels(&self) -> usize {
        self.block_out_channels.len()
    }

    /// The factor by which the middle is smaller than the latents, per axis. Height and width of latents are multiples of it.
    pub fn reduction(&self) -> usize {
        1 << (self.levels() - 1)
    }

    /// Width of the embedding of time.
    pub(crate) fn time_dim(&self) -> usize {
        4 * self.block_out_channels[0]
    }

    /// Checks that the sizes fit one another.
    ///
    /// # Errors
    /// [`DiffusionError::Config`] naming the field.
    pub fn validate(&self) -> Result<(), DiffusionError> {
        let levels = self.levels();
        super::check_channels(&self.block_out_channels, self.norm_num_groups)?;
        for (field, found) in [
            ("down_block_types", self.down_attention.len()),
            ("up_block_types", self.up_attention.len()),
            ("attention_head_dim", self.heads.len()),
        ] {
            if found != levels {
                return Err(DiffusionError::config(
                    field,
                    format!("{found} long"),
                    format!("{levels} long, as block_out_channels"),
                ));
            }
        }
        for (channels, heads) in self.block_out_channels.iter().zip(&self.heads) {
            if *heads == 0 || !channels.is_multiple_of(*heads) {
                return Err(DiffusionError::config(
                    "attention_head_dim (the number of heads)",
                    heads,
                    format!("a divisor of {channels} channels"),
                ));
            }
        }
        if !self.block_out_channels[0].is_multiple_of(2) {
            return Err(DiffusionError::config(
                "block_out_channels",
                self.block_out_channels[0],
                "an even first number: half of the embedding of time are sines",
            ));
        }
        let half = (self.block_out_channels[0] / 2) as f64;
        for (field, found, fits) in [
            ("norm_eps", self.norm_eps, self.norm_eps > 0.0),
            (
                "freq_shift",
                self.freq_shift,
                (0.0..half).contains(&self.freq_shift),
            ),
        ] {
            if !(found.is_finite() && fits) {
                return Err(DiffusionError::config(
                    field,
                    found,
                    "a number in its range",
                ));
            }
        }
        for (field, found) in [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("cross_attention_dim", self.cross_attention_dim),
            ("layers_per_block", self.layers_per_block),
        ] {
            super::check_size(field, found)?;
        }
        Ok(())
    }
}
