//! The configuration of a vision transformer: plain data, strict when read, validated before anything is allocated.

mod cost;
mod count;
mod groups;
mod options;
mod spectral;
mod validate;

use serde::{Deserialize, Serialize};

pub use groups::ChannelGroups;
pub use options::{Activation, Interpolation, PositionKind};
pub use spectral::{SpectralEmbedConfig, SpectralStyle};

/// Shape and options of a [`Vit`](crate::Vit), with the meaning they have in timm's `VisionTransformer`.
///
/// [`Default`] is ViT-B/16 at 224 pixels, [`VitConfig::large`] is ViT-L/16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Side in pixels of the square image whose patch grid the position table describes. Other sizes are accepted at
    /// run time and resample the table.
    pub image_size: usize,
    /// Side of a square patch in pixels.
    pub patch_size: usize,
    /// Number of image channels.
    pub in_channels: usize,
    /// Width of a token.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Number of attention heads; divides `dim`.
    pub heads: usize,
    /// Width of the hidden layer of the MLP (usually `4 * dim`).
    pub mlp_dim: usize,
    /// The epsilon of every LayerNorm: 1e-6 in timm and MAE, 1e-5 in OpenCLIP.
    #[serde(default = "default_eps")]
    pub layer_norm_eps: f64,
    /// Whether a class token leads the sequence.
    #[serde(default = "yes")]
    pub class_token: bool,
    /// Number of register tokens behind the class token (Darcet et al. 2024).
    #[serde(default)]
    pub register_tokens: usize,
    /// Whether the patch embedding has a bias (CLIP's has none).
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub patch_bias: bool,
    /// Zeros in front of the first row and column of an image; as many at its end are not seen (DOFA pads its convolution by 1).
    #[serde(default, skip_serializing_if = "is_default")]
    pub patch_padding: usize,
    /// The network that makes the patch embedding from wavelengths, when not `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectral_embed: Option<SpectralEmbedConfig>,
    /// Channels embedded group by group, a token per group and patch, when not `None` (SatMAE, Cong et al. 2022, section 3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_groups: Option<ChannelGroups>,
    /// Number of frames of an image, one behind the other in its channels, when the patch embedding sees one frame at a time
    /// (the three-dimensional one of Prithvi with a depth of one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<usize>,
    /// Whether the model embeds the dates of frames and the place of an image
    /// ([`Vit::at_dates`](crate::Vit::at_dates), [`Vit::at_places`](crate::Vit::at_places)).
    #[serde(default, skip_serializing_if = "is_default")]
    pub coordinates: bool,
    /// Where positions come from.
    pub positions: PositionKind,
    /// How a position table is carried over to another grid.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interpolation: Interpolation,
    /// Whether the class and register tokens have rows of their own in the position table (timm: `not no_embed_class`).
    #[serde(default = "yes")]
    pub pos_on_prefix: bool,
    /// Whether a LayerNorm stands between the embedding and the first block (CLIP's `ln_pre`, timm's `norm_pre`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub pre_norm: bool,
    /// Initial value of LayerScale (CaiT, Touvron et al. 2021, equation 4), absent when `None`.
    #[serde(default)]
    pub layer_scale: Option<f64>,
    /// Rate of stochastic depth of the last block; earlier blocks rise linearly from 0 (Huang et al. 2016).
    #[serde(default)]
    pub drop_path: f64,
    /// Whether the fused query-key-value map has a bias.
    #[serde(default = "yes")]
    pub qkv_bias: bool,
    /// Whether the output map of the attention has a bias (Clay's has none).
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub proj_bias: bool,
    /// Whether a LayerNorm follows the last block.
    #[serde(default = "yes")]
    pub final_norm: bool,
    /// The non-linearity of the MLP.
    #[serde(default)]
    pub activation: Activation,
    /// Width of the bias-free map that takes a pooled feature to the embedding shared with another modality (CLIP's `proj`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<usize>,
}

fn default_eps() -> f64 {
    1e-6
}

fn yes() -> bool {
    true
}

// Options that most models leave alone are not written, so that a plain model is described as it always was.
fn is_true(value: &bool) -> bool {
    *value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for VitConfig {
    /// ViT-B/16 at 224 pixels with learned positions.
    fn default() -> Self {
        Self {
            image_size: 224,
            patch_size: 16,
            in_channels: 3,
            dim: 768,
            depth: 12,
            heads: 12,
            mlp_dim: 3072,
            layer_norm_eps: default_eps(),
            class_token: true,
            register_tokens: 0,
            patch_bias: true,
            patch_padding: 0,
            spectral_embed: None,
            channel_groups: None,
            frames: None,
            coordinates: false,
            positions: PositionKind::Learned,
            interpolation: Interpolation::Antialiased,
            pos_on_prefix: true,
            pre_norm: false,
            layer_scale: None,
            drop_path: 0.0,
            qkv_bias: true,
            proj_bias: true,
            final_norm: true,
            activation: Activation::Gelu,
            projection: None,
        }
    }
}

impl VitConfig {
    /// ViT-L/16 at 224 pixels with learned positions.
    pub fn large() -> Self {
        Self {
            dim: 1024,
            depth: 24,
            heads: 16,
            mlp_dim: 4096,
            ..Self::default()
        }
    }

    /// Side of the patch grid that the position table describes.
    pub fn grid_side(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Number of tokens in front of the patches: class token and registers.
    pub fn prefix_tokens(&self) -> usize {
        usize::from(self.class_token) + self.register_tokens
    }

    /// Rows of the position table that belong to prefix tokens.
    pub fn prefix_rows(&self) -> usize {
        if self.pos_on_prefix {
            self.prefix_tokens()
        } else {
            0
        }
    }

    /// Rows of the position table.
    pub fn position_rows(&self) -> usize {
        self.prefix_rows() + self.frame_count() * self.grid_side() * self.grid_side()
    }

    /// Width of the hidden layer as `fc2` sees it: a gated activation halves it.
    pub fn mlp_inner(&self) -> usize {
        if self.activation == Activation::SwiGlu {
            self.mlp_dim / 2
        } else {
            self.mlp_dim
        }
    }

    /// Number of token sets that cover the image: one per channel group or per frame, or one.
    pub fn group_count(&self) -> usize {
        self.channel_groups
            .as_ref()
            .map_or(self.frame_count(), |channels| channels.groups.len())
    }

    /// Number of frames of an image; 1 without time.
    pub fn frame_count(&self) -> usize {
        self.frames.unwrap_or(1)
    }

    /// Number of channels that the patch embedding sees at once: those of one frame.
    pub fn patch_channels(&self) -> usize {
        self.in_channels / self.frame_count().max(1)
    }

    /// Shape of the patch embedding in a checkpoint, outputs first; a model with frames has an axis of depth 1.
    pub(crate) fn patch_shape(&self) -> Vec<usize> {
        let p = self.patch_size;
        match self.frames {
            None => vec![self.dim, self.in_channels, p, p],
            Some(_) => vec![self.dim, self.patch_channels(), 1, p, p],
        }
    }

    /// Width of the rows of the position table: that of a token, less what a channel-group embedding takes of it.
    pub fn position_dim(&self) -> usize {
        let channels = self.channel_groups.as_ref().map_or(0, |c| c.dim);
        self.dim.saturating_sub(channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_and_a_round_trip_is_exact() {
        let config = VitConfig {
            layer_scale: Some(1e-5),
            ..VitConfig::default()
        };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<VitConfig>(&text).unwrap(), config);
        let wrong = text.replacen("\"dim\"", "\"dims\":1,\"dim\"", 1);
        assert!(
            serde_json::from_str::<VitConfig>(&wrong)
                .unwrap_err()
                .to_string()
                .contains("dims")
        );
    }
}
