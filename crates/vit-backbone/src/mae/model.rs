//! The masked autoencoder and its loss.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::decoder::indices;
use super::{MaeConfig, MaeDecoder, MaskPlan};
use crate::build::Builder;
use crate::{BackboneError, ParameterSource, Pass, SeededInit, Vit, apply_linear};

/// Encoder and decoder of a masked autoencoder (He et al. 2022).
#[derive(Module, Debug)]
pub struct Mae<B: Backend> {
    /// What is kept after pretraining.
    pub encoder: Vit<B>,
    /// What is thrown away.
    pub decoder: MaeDecoder<B>,
    /// Whether the target is normalised per patch.
    pub normalise_pixels: bool,
}

impl<B: Backend> Mae<B> {
    /// A model with random parameters, as [`Vit::init`] draws them.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the configuration is not valid.
    pub fn init(config: &MaeConfig, seed: u64, device: &B::Device) -> Result<Self, BackboneError> {
        Self::from_source(config, &mut SeededInit::new(seed), device)
    }

    /// A model whose parameters come from `source`, asked for by the names of the published MAE checkpoints.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the configuration is not valid, or what the source fails with.
    pub fn from_source(
        config: &MaeConfig,
        source: &mut dyn ParameterSource,
        device: &B::Device,
    ) -> Result<Self, BackboneError> {
        config.validate()?;
        let encoder = Vit::from_source(&config.encoder, source, device)?;
        let decoder = MaeDecoder::build(config, &mut Builder::new(source, device))?;
        Ok(Self {
            encoder,
            decoder,
            normalise_pixels: config.normalise_pixels,
        })
    }

    /// The loss of a batch: mean squared error of the pixels of masked patches, each patch's target normalised to mean
    /// zero and (unbiased) variance one when [`MaeConfig::normalise_pixels`] says so. The published `forward_loss`.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]` of the configured size
    /// - result: `[1]`
    ///
    /// # Panics
    /// When the plan was made for another batch or image size.
    pub fn loss(&self, image: Tensor<B, 4>, plan: &MaskPlan) -> Tensor<B, 1> {
        let device = image.device();
        let pixels = self.encoder.embed.pixels(image);
        let tokens = self.decode(pixels.clone(), plan);
        let [batch, patches, dim] = tokens.dims();
        // Only masked patches count, so only they are predicted.
        let masked = indices::<B>(plan.masked_rows().collect(), &device);
        let tokens = tokens
            .reshape([batch * patches, dim])
            .select(0, masked.clone());
        let prediction = self.decoder.pixels(tokens.unsqueeze());
        let width = pixels.dims()[2];
        let target = self.target(pixels.reshape([batch * patches, width]).select(0, masked));
        let difference = prediction.squeeze_dim::<2>(0) - target;
        // Every sample has as many masked patches, so the mean over all is the published mean over the mask.
        (difference.clone() * difference).mean()
    }

    /// Predicted (normalised) pixels of every patch, `[batch, patches, patch * patch * channels]` in the order (row,
    /// column, channel): the published model's `pred`.
    ///
    /// # Panics
    /// When the plan was made for another batch or image size.
    pub fn predict(&self, image: Tensor<B, 4>, plan: &MaskPlan) -> Tensor<B, 3> {
        let tokens = self.decode(self.encoder.embed.pixels(image), plan);
        self.decoder.pixels(tokens)
    }

    /// The encoder on visible patches: `[batch, prefix + visible, dim]`, with its final norm.
    ///
    /// # Panics
    /// When the plan was made for another batch or image size.
    pub fn encode(&self, image: Tensor<B, 4>, plan: &MaskPlan) -> Tensor<B, 3> {
        self.encode_pixels(self.encoder.embed.pixels(image), plan)
    }

    fn decode(&self, pixels: Tensor<B, 3>, plan: &MaskPlan) -> Tensor<B, 3> {
        let latent = self.encode_pixels(pixels, plan);
        self.decoder
            .tokens(latent, self.encoder.embed.prefix(), plan)
    }

    fn encode_pixels(&self, pixels: Tensor<B, 3>, plan: &MaskPlan) -> Tensor<B, 3> {
        let [batch, patches, width] = pixels.dims();
        let embed = &self.encoder.embed;
        assert!(
            [batch, patches] == [plan.batch(), plan.patches()]
                && patches == embed.grid_side * embed.grid_side,
            "a plan for {} images of {} patches does not fit {batch} images of {patches}",
            plan.batch(),
            plan.patches(),
        );
        let device = pixels.device();
        let visible = plan.visible();
        // Masked patches are left out before the embedding: they would be computed only to be dropped.
        let rows = indices::<B>(plan.visible_rows().collect(), &device);
        let seen = pixels
            .reshape([batch * patches, width])
            .select(0, rows)
            .reshape([batch, visible, width]);
        let (prefix_rows, patch_rows) = embed.position_rows([embed.grid_side; 2]);
        let dim = patch_rows.dims()[2];
        let places = indices::<B>(plan.visible_patches().collect(), &device);
        let positions = patch_rows
            .reshape([patches, dim])
            .select(0, places)
            .reshape([batch, visible, dim]);
        let tokens = apply_linear(&embed.proj, seen) + positions;
        let tokens = match embed.prefix_sequence(prefix_rows) {
            Some(prefix) => {
                let count = prefix.dims()[1];
                Tensor::cat(vec![prefix.expand([batch, count, dim]), tokens], 1)
            }
            None => tokens,
        };
        let blocks = 0..self.encoder.blocks.len();
        let x = self
            .encoder
            .run_blocks(tokens, &mut Pass::plain(()), blocks, &());
        self.encoder.final_norm(x, &())
    }

    /// The target of masked patches: `[rows, pixels]` in the order (channel, row, column) to the same in (row, column,
    /// channel), normalised per row if asked for.
    fn target(&self, pixels: Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, width] = pixels.dims();
        let channels = self.encoder.embed.in_channels;
        let target = pixels
            .reshape([rows, channels, width / channels])
            .swap_dims(1, 2)
            .reshape([rows, width]);
        if !self.normalise_pixels {
            return target;
        }
        let centred = target.clone() - target.mean_dim(1);
        let variance = (centred.clone() * centred.clone())
            .sum_dim(1)
            .div_scalar((width.max(2) - 1) as f64);
        centred / variance.add_scalar(1e-6).sqrt()
    }
}
