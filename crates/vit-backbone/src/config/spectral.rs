//! A patch embedding generated from the wavelengths of the channels.

use serde::{Deserialize, Serialize};

/// Whose formula computes the weights; sizes are apart from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectralStyle {
    /// DOFA (Xiong et al. 2024): nanometres, ReLU, weights ordered (row, column, output), weights and bias times 0.01.
    Dofa,
    /// Clay 1.5: micrometres, GELU, weights ordered (output, row, column) times 0.02.
    Clay,
}

/// The network that makes a patch embedding from wavelengths, and the wavelengths a model starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectralEmbedConfig {
    /// The formula.
    pub style: SpectralStyle,
    /// Width of the token of a wavelength.
    pub width: usize,
    /// Number of learned tokens beside those of the wavelengths.
    pub tokens: usize,
    /// Width of the hidden layer of the network.
    pub hidden: usize,
    /// Attention heads of the network; a divisor of `width`.
    pub heads: usize,
    /// Wavelengths of the channels in micrometres, as the weights were trained with them (radar has nominal ones).
    pub wavelengths: Vec<f64>,
}

impl SpectralEmbedConfig {
    /// Number of trainable scalars for patches of `patch_size` pixels and tokens of `dim` numbers.
    pub(crate) fn parameter_count(&self, patch_size: usize, dim: usize) -> usize {
        let (w, h) = (self.width, self.hidden);
        let attention = 3 * w * (w + 1) + w * (w + 1);
        let layer = attention + h * (w + 1) + w * (h + 1) + 4 * w;
        let weights = patch_size * patch_size * dim * (w + 1);
        (self.tokens + 1) * w + layer + weights + dim * (w + 1) + 2 * w * (w + 1)
    }

    /// The tensors of the network under the names of DOFA's files, in the order they are written.
    pub(crate) fn tensors(&self, patch_size: usize, dim: usize) -> Vec<(String, Vec<usize>)> {
        let (w, h) = (self.width, self.hidden);
        let layer = "transformer_encoder.layers.0.";
        let generator = [
            ("weight_tokens".to_owned(), vec![self.tokens, w]),
            ("bias_token".to_owned(), vec![1, w]),
            (format!("{layer}self_attn.in_proj_weight"), vec![3 * w, w]),
            (format!("{layer}self_attn.in_proj_bias"), vec![3 * w]),
            (format!("{layer}self_attn.out_proj.weight"), vec![w, w]),
            (format!("{layer}self_attn.out_proj.bias"), vec![w]),
            (format!("{layer}linear1.weight"), vec![h, w]),
            (format!("{layer}linear1.bias"), vec![h]),
            (format!("{layer}linear2.weight"), vec![w, h]),
            (format!("{layer}linear2.bias"), vec![w]),
            (format!("{layer}norm1.weight"), vec![w]),
            (format!("{layer}norm1.bias"), vec![w]),
            (format!("{layer}norm2.weight"), vec![w]),
            (format!("{layer}norm2.bias"), vec![w]),
            (
                "fc_weight.weight".to_owned(),
                vec![patch_size * patch_size * dim, w],
            ),
            (
                "fc_weight.bias".to_owned(),
                vec![patch_size * patch_size * dim],
            ),
            ("fc_bias.weight".to_owned(), vec![dim, w]),
            ("fc_bias.bias".to_owned(), vec![dim]),
        ];
        let first = ["w1", "w2"].into_iter().flat_map(|name| {
            [
                (format!("patch_embed.fclayer.{name}.weight"), vec![w, w]),
                (format!("patch_embed.fclayer.{name}.bias"), vec![w]),
            ]
        });
        generator
            .into_iter()
            .map(|(name, shape)| (format!("patch_embed.weight_generator.{name}"), shape))
            .chain(first)
            .collect()
    }
}
