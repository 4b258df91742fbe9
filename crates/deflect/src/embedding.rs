//! Untangled patch embedding (UPE): `x = x_P + x_A`, equation 3 of the paper.
//!
//! `x_P` is the pretrained embedding of the RGB channels with its positions, frozen. `x_A = T(s)` is what the pixel set `s` of the
//! same patch says about its spectra; it carries no geometry. Its norm is matched to that of `x_P`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use peft_lora::trainable;
use vit_backbone::{SeededInit, TokenEmbed, VitConfig};

use crate::arithmetic::{LARGEST, Pixels};
use crate::config::{EmbeddingConfig, NormMatch, PixelSetConfig, PrefixRows};
use crate::map::SpectralMap;
use crate::norms::{SHORTEST, ratio, token_norms};
use crate::pixel_set::PixelSet;
use crate::standardise::{Standardisation, Standardise};

/// The embedding's own parameters and constants.
#[derive(Module, Debug)]
pub struct SpectralEmbedding<B: Backend> {
    /// `T`.
    pub map: SpectralMap<B>,
    /// The rows of class and register tokens, `[1, prefix, dim]`, if they are trained.
    pub prefix: Option<Param<Tensor<B, 3>>>,
    /// Statistics of the training images.
    pub standardise: Standardise<B>,
    /// How patches become numbers.
    #[module(skip)]
    pub(crate) pixel_set: PixelSet,
    #[module(skip)]
    pub(crate) config: EmbeddingConfig,
}

impl<B: Backend> SpectralEmbedding<B> {
    pub(crate) fn init(
        config: &EmbeddingConfig,
        pixels: &PixelSetConfig,
        pixel_set: PixelSet,
        standardisation: &Standardisation,
        vit: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Self {
        let rows = usize::from(vit.class_token) + vit.register_tokens;
        let learned = config.prefix == PrefixRows::Learned && rows > 0;
        Self {
            map: SpectralMap::init(
                &config.map,
                pixel_set.len(),
                vit.dim,
                &SeededInit::new(seed),
                device,
            ),
            prefix: learned.then(|| trainable(Tensor::zeros([1, rows, vit.dim], device))),
            standardise: Standardise::new(standardisation.clone(), pixels.clip, device),
            pixel_set,
            config: config.clone(),
        }
    }

    /// Tokens of the pretrained embedding and the spectral stream, `x_P` and `x_A`, `[batch, prefix + patches, dim]` each.
    ///
    /// RGB values that are NaN, infinite or beyond 1e15 count as 0, the mean of normalised images. A patch without a single valid
    /// pixel has `x_A = 0`: beyond RGB, nothing is known of it.
    ///
    /// # Panics
    /// When the image does not fit; [`Deflect::check_image`](crate::Deflect::check_image) gives the error beforehand.
    pub fn forward(
        &self,
        base: &TokenEmbed<B>,
        image: Tensor<B, 4>,
    ) -> (Tensor<B, 3>, Tensor<B, 3>) {
        let rgb = image.clone().narrow(1, 0, base.in_channels);
        let usable = rgb.size_within(0.0, LARGEST);
        let pretrained = base.forward(rgb.where_or(usable, 0.0));
        let [batch, tokens, dim] = pretrained.dims();
        let rows = base.prefix();
        let patches = pretrained.clone().narrow(1, rows, tokens - rows);
        let spectral = self.patches(image, patches);
        let stream = match (rows, &self.prefix) {
            (0, _) => spectral,
            (_, Some(prefix)) => {
                Tensor::cat(vec![prefix.val().expand([batch, rows, dim]), spectral], 1)
            }
            (_, None) => {
                let zeros = Tensor::zeros([batch, rows, dim], &spectral.device());
                Tensor::cat(vec![zeros, spectral], 1)
            }
        };
        (pretrained, stream)
    }

    /// The rows of `x_A` for patches, given those of `x_P`: `[batch, patches, dim]`.
    fn patches(&self, image: Tensor<B, 4>, pretrained: Tensor<B, 3>) -> Tensor<B, 3> {
        let pooled = self.pixel_set.pool(image);
        let known = pooled.known.clone().max_dim(2);
        let spectral = self.map.forward(self.standardise.forward(&pooled)) * known;
        match self.config.norm_match {
            NormMatch::Off => spectral,
            NormMatch::PerToken => {
                let own = token_norms(spectral.clone());
                spectral * ratio(token_norms(pretrained), own)
            }
            NormMatch::Mean => {
                // Over all patches of an image, unknown ones (which are zero) included.
                let own = token_norms(spectral.clone()).mean_dim(1);
                spectral * ratio(token_norms(pretrained).mean_dim(1), own.clamp_min(SHORTEST))
            }
        }
    }
}
