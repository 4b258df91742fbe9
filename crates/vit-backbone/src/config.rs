//! The configuration of a vision transformer: plain data, strict when read, validated before anything is allocated.

use serde::{Deserialize, Serialize};

use crate::BackboneError;

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

/// Bounds on each dimension, far above any published model; they keep products of sizes away from overflow.
const LIMITS: [(&str, usize); 7] = [
    ("image_size", 1 << 16),
    ("patch_size", 1 << 12),
    ("in_channels", 1 << 12),
    ("dim", 1 << 16),
    ("depth", 1 << 12),
    ("heads", 1 << 12),
    ("mlp_dim", 1 << 20),
];

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

    /// Checks every bound; call it on whatever a user wrote.
    ///
    /// # Errors
    /// [`BackboneError::Config`] with the field, what it holds and what it may hold.
    pub fn validate(&self) -> Result<(), BackboneError> {
        let sizes = [
            self.image_size,
            self.patch_size,
            self.in_channels,
            self.dim,
            self.depth,
            self.heads,
            self.mlp_dim,
        ];
        for ((field, limit), found) in LIMITS.into_iter().zip(sizes) {
            if found == 0 || found > limit {
                return Err(invalid(field, found, format!("a number from 1 to {limit}")));
            }
        }
        if !self.image_size.is_multiple_of(self.patch_size) {
            return Err(invalid(
                "image_size",
                self.image_size,
                format!("a multiple of patch_size = {}", self.patch_size),
            ));
        }
        if !self.dim.is_multiple_of(self.heads) {
            return Err(invalid(
                "heads",
                self.heads,
                format!("a divisor of dim = {}", self.dim),
            ));
        }
        if self.positions == PositionKind::SinCos2d && !self.dim.is_multiple_of(4) {
            return Err(invalid(
                "dim",
                self.dim,
                "a multiple of 4 for sin-cos positions".into(),
            ));
        }
        if self.register_tokens > 1 << 12 {
            return Err(invalid(
                "register_tokens",
                self.register_tokens,
                "at most 4096".into(),
            ));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(invalid(
                "layer_norm_eps",
                self.layer_norm_eps,
                "between 0 and 1".into(),
            ));
        }
        if !(0.0..1.0).contains(&self.drop_path) {
            return Err(invalid(
                "drop_path",
                self.drop_path,
                "at least 0 and below 1".into(),
            ));
        }
        if self.layer_scale.is_some_and(|v| !v.is_finite()) {
            return Err(invalid(
                "layer_scale",
                format!("{:?}", self.layer_scale),
                "a finite number".into(),
            ));
        }
        Ok(())
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

    /// Checks that the model can take an image batch of this shape, `[batch, channels, height, width]`, and returns
    /// the patch grid `[rows, columns]`.
    ///
    /// # Errors
    /// [`BackboneError::Image`] on another number of channels, or sides that are not multiples of the patch.
    pub fn check_image(&self, shape: [usize; 4]) -> Result<[usize; 2], BackboneError> {
        let [_, channels, height, width] = shape;
        let p = self.patch_size;
        if channels != self.in_channels
            || height < p
            || width < p
            || height % p != 0
            || width % p != 0
        {
            return Err(BackboneError::Image {
                found: shape.to_vec(),
                expected: format!(
                    "{} channels and sides that are multiples of {p} pixels",
                    self.in_channels
                ),
            });
        }
        Ok([height / p, width / p])
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

fn invalid(field: &'static str, found: impl ToString, expected: String) -> BackboneError {
    BackboneError::Config {
        field,
        found: found.to_string(),
        expected,
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
    fn invalid_values_are_named() {
        let base = VitConfig::default;
        let cases = [
            ("dim", VitConfig { dim: 0, ..base() }),
            ("heads", VitConfig { heads: 7, ..base() }),
            (
                "image_size",
                VitConfig {
                    image_size: 225,
                    ..base()
                },
            ),
            (
                "image_size",
                VitConfig {
                    image_size: usize::MAX,
                    ..base()
                },
            ),
            (
                "layer_norm_eps",
                VitConfig {
                    layer_norm_eps: f64::NAN,
                    ..base()
                },
            ),
            (
                "drop_path",
                VitConfig {
                    drop_path: 1.0,
                    ..base()
                },
            ),
            (
                "dim",
                VitConfig {
                    dim: 6,
                    heads: 2,
                    positions: PositionKind::SinCos2d,
                    ..base()
                },
            ),
            (
                "layer_scale",
                VitConfig {
                    layer_scale: Some(f64::INFINITY),
                    ..base()
                },
            ),
        ];
        for (expected, config) in cases {
            match config.validate() {
                Err(BackboneError::Config { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
        base().validate().unwrap();
        VitConfig::large().validate().unwrap();
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

    #[test]
    fn images_that_do_not_fit_are_errors() {
        let config = VitConfig::default();
        assert_eq!(config.check_image([2, 3, 32, 64]).unwrap(), [2, 4]);
        for shape in [[1, 4, 32, 32], [1, 3, 30, 32], [1, 3, 0, 32]] {
            assert!(config.check_image(shape).is_err(), "{shape:?}");
        }
    }
}
