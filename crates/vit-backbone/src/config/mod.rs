//! The configuration of a vision transformer: plain data, strict when read, validated before anything is allocated.

mod validate;

use serde::{Deserialize, Serialize};

/// How the model knows where a patch lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionKind {
    /// A trained table, one row per token (ViT, Dosovitskiy et al. 2021, section 3.1).
    Learned,
    /// The fixed two-dimensional sine-cosine table of MAE (He et al. 2022, appendix A.1); never trained.
    #[serde(rename = "sin_cos_2d")]
    SinCos2d,
}

/// The non-linearity of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x Φ(x)` with the exact error function, as timm and MAE use it (not the tanh approximation).
    Gelu,
}

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
    /// Where positions come from.
    pub positions: PositionKind,
    /// Whether the class and register tokens have rows of their own in the position table (timm: `not no_embed_class`).
    #[serde(default = "yes")]
    pub pos_on_prefix: bool,
    /// Initial value of LayerScale (CaiT, Touvron et al. 2021, equation 4), absent when `None`.
    #[serde(default)]
    pub layer_scale: Option<f64>,
    /// Rate of stochastic depth of the last block; earlier blocks rise linearly from 0 (Huang et al. 2016).
    #[serde(default)]
    pub drop_path: f64,
    /// Whether the fused query-key-value map has a bias.
    #[serde(default = "yes")]
    pub qkv_bias: bool,
    /// Whether a LayerNorm follows the last block.
    #[serde(default = "yes")]
    pub final_norm: bool,
    /// The non-linearity of the MLP.
    #[serde(default = "gelu")]
    pub activation: Activation,
}

fn default_eps() -> f64 {
    1e-6
}

fn yes() -> bool {
    true
}

fn gelu() -> Activation {
    Activation::Gelu
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
            positions: PositionKind::Learned,
            pos_on_prefix: true,
            layer_scale: None,
            drop_path: 0.0,
            qkv_bias: true,
            final_norm: true,
            activation: Activation::Gelu,
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
        self.prefix_rows() + self.grid_side() * self.grid_side()
    }

    /// Number of trainable scalars, by arithmetic: nothing is allocated. Fixed sin-cos positions do not count.
    ///
    /// ViT-B/16 without a classification head has 85,798,656, ViT-L/16 303,301,632, as timm counts them.
    pub fn parameter_count(&self) -> usize {
        let d = self.dim;
        let qkv = 3 * d * d + if self.qkv_bias { 3 * d } else { 0 };
        let proj = d * d + d;
        let mlp = 2 * d * self.mlp_dim + self.mlp_dim + d;
        let scales = if self.layer_scale.is_some() { 2 * d } else { 0 };
        let block = 4 * d + qkv + proj + mlp + scales;
        let patch = self.in_channels * self.patch_size * self.patch_size * d + d;
        let tokens = self.prefix_tokens() * d;
        let positions = match self.positions {
            PositionKind::Learned => self.position_rows() * d,
            PositionKind::SinCos2d => 0,
        };
        let norm = if self.final_norm { 2 * d } else { 0 };
        patch + tokens + positions + self.depth * block + norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_models_have_their_published_parameter_counts() {
        assert_eq!(VitConfig::default().parameter_count(), 85_798_656);
        assert_eq!(VitConfig::large().parameter_count(), 303_301_632);
    }

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
