//! Patch embeddings generated from the wavelengths of the channels (DOFA, Xiong et al. 2024; Clay).

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::build::Builder;
use crate::positions::single_precision_frequencies;
use crate::{
    BackboneError, InitRule, LayerNorm, SpectralEmbedConfig, SpectralStyle, Vit, VitConfig,
    apply_linear,
};

/// Epsilon of the norms of the network: PyTorch's default.
const EPS: f64 = 1e-5;

/// The network that makes a patch embedding from wavelengths: one post-norm transformer layer over learned tokens, one token
/// per channel and one for the bias.
///
/// A model made of it has an ordinary embedding for the wavelengths it was built or asked for
/// ([`Vit::at_wavelengths`]), so that everything that acts on a patch embedding acts on that one.
#[derive(Module, Debug)]
pub struct SpectralEmbed<B: Backend> {
    /// `weight_tokens`: `[tokens, width]`.
    pub weight_tokens: Param<Tensor<B, 2>>,
    /// `bias_token`: `[1, width]`.
    pub bias_token: Param<Tensor<B, 2>>,
    /// `self_attn.in_proj`: queries, keys and values.
    pub in_proj: Linear<B>,
    /// `self_attn.out_proj`.
    pub out_proj: Linear<B>,
    /// `linear1` of the feed-forward layer.
    pub linear1: Linear<B>,
    /// `linear2` of the feed-forward layer.
    pub linear2: Linear<B>,
    /// `norm1`, behind the attention and its residual sum.
    pub norm1: LayerNorm<B>,
    /// `norm2`, behind the feed-forward layer and its residual sum.
    pub norm2: LayerNorm<B>,
    /// `fc_weight`: a channel's token to its weights.
    pub fc_weight: Linear<B>,
    /// `fc_bias`: the bias token to the bias.
    pub fc_bias: Linear<B>,
    /// `fclayer.w1`.
    pub w1: Linear<B>,
    /// `fclayer.w2`.
    pub w2: Linear<B>,
    /// Attention heads.
    pub heads: usize,
    /// The formula.
    #[module(skip)]
    pub style: SpectralStyle,
}

impl<B: Backend> SpectralEmbed<B> {
    pub(crate) fn build(
        config: &SpectralEmbedConfig,
        patch_size: usize,
        dim: usize,
        from: &mut Builder<'_, B>,
    ) -> Result<Self, BackboneError> {
        let width = config.width;
        let tokens = InitRule::TruncatedNormal { std: 0.02 };
        let mut embed = from.child("patch_embed");
        let mut generator = embed.child("weight_generator");
        let weight_tokens = generator.param("weight_tokens", [config.tokens, width], tokens)?;
        let bias_token = generator.param("bias_token", [1, width], tokens)?;
        let mut layers = generator.child("transformer_encoder");
        let mut layers = layers.child("layers");
        let mut layer = layers.child("0");
        let mut attention = layer.child("self_attn");
        let in_proj =
            attention.linear_named(&[3 * width, width], "in_proj_weight", Some("in_proj_bias"))?;
        let out_proj = attention.child("out_proj").linear(width, width, true)?;
        let linear1 = layer.child("linear1").linear(width, config.hidden, true)?;
        let linear2 = layer.child("linear2").linear(config.hidden, width, true)?;
        let norm1 = layer.child("norm1").norm(width, EPS)?;
        let norm2 = layer.child("norm2").norm(width, EPS)?;
        let area = patch_size * patch_size;
        Ok(Self {
            weight_tokens,
            bias_token,
            in_proj,
            out_proj,
            linear1,
            linear2,
            norm1,
            norm2,
            fc_weight: generator
                .child("fc_weight")
                .linear(width, area * dim, true)?,
            fc_bias: generator.child("fc_bias").linear(width, dim, true)?,
            w1: embed
                .child("fclayer")
                .child("w1")
                .linear(width, width, true)?,
            w2: embed
                .child("fclayer")
                .child("w2")
                .linear(width, width, true)?,
            heads: config.heads,
            style: config.style,
        })
    }

    /// The patch embedding for channels of these wavelengths, in micrometres: weight `[channels * patch * patch, dim]`, inputs in
    /// the order (channel, row, column). Differentiable with respect to the network.
    pub fn generate(&self, wavelengths: &[f64]) -> Linear<B> {
        let [tokens, width] = self.weight_tokens.dims();
        let channels = wavelengths.len();
        let device = self.weight_tokens.device();
        let values: Vec<f32> = wavelengths
            .iter()
            .flat_map(|w| self.wave(*w, width))
            .collect();
        let shape = [1, channels, width];
        let waves = Tensor::<B, 3>::from_data(TensorData::new(values, shape), &device);
        let waves = waves.cast(self.weight_tokens.val().dtype());
        let act = |x: Tensor<B, 3>| match self.style {
            SpectralStyle::Dofa => relu(x),
            SpectralStyle::Clay => fused_ops::gelu(x),
        };
        let inner = act(apply_linear(&self.w1, waves.clone()));
        let waves = waves + act(apply_linear(&self.w2, inner));

        let x = Tensor::cat(
            vec![
                self.weight_tokens.val().unsqueeze(),
                waves.clone(),
                self.bias_token.val().unsqueeze(),
            ],
            1,
        );
        let attended = fused_ops::attention(apply_linear(&self.in_proj, x.clone()), self.heads);
        let x = self
            .norm1
            .forward(x + apply_linear(&self.out_proj, attended));
        let hidden = fused_ops::gelu(apply_linear(&self.linear1, x.clone()));
        let x = self.norm2.forward(x + apply_linear(&self.linear2, hidden));

        let seen = x.clone().narrow(1, tokens, channels) + waves;
        let weights = apply_linear(&self.fc_weight, seen);
        let bias = apply_linear(&self.fc_bias, x.narrow(1, tokens + channels, 1));
        let dim = bias.dims()[2];
        let area = weights.dims()[2] / dim;
        let (weights, bias) = match self.style {
            SpectralStyle::Dofa => (weights.mul_scalar(0.01), bias.mul_scalar(0.01)),
            SpectralStyle::Clay => {
                let weights = weights.reshape([channels, dim, area]).swap_dims(1, 2);
                (weights.mul_scalar(0.02), bias)
            }
        };
        Linear {
            weight: Param::initialized(ParamId::new(), weights.reshape([channels * area, dim])),
            bias: Some(Param::initialized(ParamId::new(), bias.reshape([dim]))),
        }
    }

    /// Sines and cosines of a wavelength, in single precision like the published code.
    fn wave(&self, micrometres: f64, width: usize) -> Vec<f32> {
        let half = width / 2;
        let (place, frequencies): (f32, Vec<f32>) = match self.style {
            SpectralStyle::Dofa => (
                micrometres as f32 * 1000.0,
                single_precision_frequencies(half).collect(),
            ),
            SpectralStyle::Clay => (
                micrometres as f32,
                (0..half)
                    .map(|i| 1.0 / 10_000f32.powf(i as f32 / (half.max(2) - 1) as f32))
                    .collect(),
            ),
        };
        let angles = || frequencies.iter().map(|w| f64::from(place * w));
        angles()
            .map(|a| a.sin() as f32)
            .chain(angles().map(|a| a.cos() as f32))
            .collect()
    }

    /// Every tensor with its shape in a checkpoint, in the order of [`SpectralEmbedConfig::tensors`].
    pub(crate) fn linears(&self) -> [(&'static str, &'static str, &Linear<B>); 8] {
        const LAYER: &str = "patch_embed.weight_generator.transformer_encoder.layers.0.";
        const GENERATOR: &str = "patch_embed.weight_generator.";
        const FIRST: &str = "patch_embed.fclayer.";
        [
            (LAYER, "self_attn.in_proj_", &self.in_proj),
            (LAYER, "self_attn.out_proj.", &self.out_proj),
            (LAYER, "linear1.", &self.linear1),
            (LAYER, "linear2.", &self.linear2),
            (GENERATOR, "fc_weight.", &self.fc_weight),
            (GENERATOR, "fc_bias.", &self.fc_bias),
            (FIRST, "w1.", &self.w1),
            (FIRST, "w2.", &self.w2),
        ]
    }
}

impl<B: Backend> Vit<B> {
    /// The plain model (it shares every other tensor) for channels of these wavelengths, in micrometres: its patch embedding is the
    /// generated one. Its configuration is [`VitConfig::at_wavelengths`].
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the patch embedding of the model is not generated, or a wavelength is not a positive number.
    pub fn at_wavelengths(&self, micrometres: &[f64]) -> Result<Self, BackboneError> {
        let Some(spectral) = &self.embed.spectral else {
            return Err(BackboneError::Config {
                field: "spectral_embed",
                found: "none".into(),
                expected: "a model whose patch embedding is generated from wavelengths".into(),
            });
        };
        check_wavelengths(micrometres)?;
        let mut vit = self.clone();
        vit.embed.proj = spectral.generate(micrometres);
        vit.embed.in_channels = micrometres.len();
        vit.embed.spectral = None;
        Ok(vit)
    }
}

impl VitConfig {
    /// The configuration of [`Vit::at_wavelengths`] for so many channels: a plain patch embedding.
    pub fn at_wavelengths(&self, channels: usize) -> Self {
        Self {
            in_channels: channels,
            spectral_embed: None,
            ..self.clone()
        }
    }
}

/// At least one, none that makes an angle infinite.
pub(crate) fn check_wavelengths(micrometres: &[f64]) -> Result<(), BackboneError> {
    let good = |w: &f64| *w > 0.0 && *w < 1e6;
    if micrometres.is_empty() || micrometres.len() > 1 << 12 || !micrometres.iter().all(good) {
        return Err(BackboneError::Config {
            field: "wavelengths",
            found: format!("{micrometres:?}"),
            expected: "a positive number of micrometres for each channel".into(),
        });
    }
    Ok(())
}
