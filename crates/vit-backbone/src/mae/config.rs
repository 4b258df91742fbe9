//! The configuration of a masked autoencoder.

use serde::{Deserialize, Serialize};

use crate::block::BlockSpec;
use crate::{Activation, BackboneError, PositionKind, VitConfig};

/// Encoder, decoder and masking of a masked autoencoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaeConfig {
    /// The encoder: what is kept after pretraining.
    pub encoder: VitConfig,
    /// Width of the decoder's tokens; a multiple of 4 and of the decoder's heads.
    pub decoder_dim: usize,
    /// Number of decoder blocks.
    pub decoder_depth: usize,
    /// Number of attention heads of the decoder.
    pub decoder_heads: usize,
    /// Width of the hidden layer of the decoder's MLPs.
    pub decoder_mlp_dim: usize,
    /// Share of masked patches; 0.75 in the paper.
    #[serde(default = "three_quarters")]
    pub mask_ratio: f64,
    /// Whether the target is normalised per patch (section 4.1 of the paper; better there).
    #[serde(default = "yes")]
    pub normalise_pixels: bool,
}

fn three_quarters() -> f64 {
    0.75
}

fn yes() -> bool {
    true
}

impl MaeConfig {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`BackboneError::Config`] with the field, what it holds and what it may hold.
    pub fn validate(&self) -> Result<(), BackboneError> {
        self.encoder.validate()?;
        if self.encoder.positions == PositionKind::Rotary || self.encoder.spectral_embed.is_some() {
            return Err(BackboneError::Config {
                field: "positions",
                found: "rotary, or a generated patch embedding".into(),
                expected: "positions that are added to tokens and an embedding of its own, for masked autoencoding"
                    .into(),
            });
        }
        // Masking gathers positions of one table and embeds visible patches by one map.
        let encoder = &self.encoder;
        if encoder.channel_groups.is_some()
            || encoder.pre_norm
            || encoder.positions == PositionKind::SinCosGround
        {
            return Err(BackboneError::Config {
                field: "encoder",
                found: "channel groups, a norm behind the embedding, or ground positions".into(),
                expected: "an encoder without them: they can be loaded, not pretrained".into(),
            });
        }
        // The decoder is bounded by the rules of a vision transformer with sin-cos positions.
        let decoder = VitConfig {
            dim: self.decoder_dim,
            depth: self.decoder_depth,
            heads: self.decoder_heads,
            mlp_dim: self.decoder_mlp_dim,
            positions: PositionKind::SinCos2d,
            ..self.encoder.clone()
        };
        decoder.validate().map_err(|error| match error {
            BackboneError::Config {
                field,
                found,
                expected,
            } => {
                let field = match field {
                    "dim" => "decoder_dim",
                    "depth" => "decoder_depth",
                    "heads" => "decoder_heads",
                    "mlp_dim" => "decoder_mlp_dim",
                    other => other,
                };
                let expected = expected.replace("dim =", "decoder_dim =");
                BackboneError::Config {
                    field,
                    found,
                    expected,
                }
            }
            other => other,
        })?;
        if self.visible() == 0 || self.visible() == self.patches() {
            return Err(BackboneError::Config {
                field: "mask_ratio",
                found: self.mask_ratio.to_string(),
                expected: format!(
                    "a share that leaves some but not all of {} patches visible",
                    self.patches()
                ),
            });
        }
        Ok(())
    }

    /// Number of patches of an image of the configured size.
    pub fn patches(&self) -> usize {
        self.encoder.grid_side() * self.encoder.grid_side()
    }

    /// Number of visible patches of an image of the configured size, rounded down as published.
    pub fn visible(&self) -> usize {
        super::plan::visible(self.patches(), self.mask_ratio)
    }

    pub(crate) fn decoder_blocks(&self) -> BlockSpec {
        BlockSpec {
            dim: self.decoder_dim,
            depth: self.decoder_depth,
            heads: self.decoder_heads,
            mlp_dims: [self.decoder_mlp_dim; 2],
            activation: Activation::Gelu,
            eps: self.encoder.layer_norm_eps,
            attention_biases: [true, true],
            layer_scale: None,
            drop_path: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> MaeConfig {
        MaeConfig {
            encoder: VitConfig {
                image_size: 64,
                patch_size: 8,
                ..VitConfig::default()
            },
            decoder_dim: 96,
            decoder_depth: 2,
            decoder_heads: 3,
            decoder_mlp_dim: 384,
            mask_ratio: 0.75,
            normalise_pixels: true,
        }
    }

    #[test]
    fn a_quarter_is_visible() {
        tiny().validate().unwrap();
        assert_eq!(tiny().visible(), 16);
    }

    #[test]
    fn bad_values_name_the_decoder_field() {
        for (expected, config) in [
            (
                "decoder_dim",
                MaeConfig {
                    decoder_dim: 6,
                    decoder_heads: 3,
                    ..tiny()
                },
            ),
            (
                "decoder_heads",
                MaeConfig {
                    decoder_heads: 5,
                    ..tiny()
                },
            ),
            (
                "mask_ratio",
                MaeConfig {
                    mask_ratio: 1.0,
                    ..tiny()
                },
            ),
            (
                "mask_ratio",
                MaeConfig {
                    mask_ratio: f64::NAN,
                    ..tiny()
                },
            ),
            (
                "mask_ratio",
                MaeConfig {
                    mask_ratio: -1.0,
                    ..tiny()
                },
            ),
        ] {
            match config.validate() {
                Err(BackboneError::Config { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}
