//! The decoder of a masked autoencoder: thrown away after pretraining.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::{MaeConfig, MaskPlan};
use crate::build::Builder;
use crate::{BackboneError, Block, InitRule, LayerNorm, PositionTable, apply_linear};

/// Maps encoded visible tokens to predicted pixels of every patch (He et al. 2022, section 3).
#[derive(Module, Debug)]
pub struct MaeDecoder<B: Backend> {
    /// `decoder_embed`: encoder width to decoder width.
    pub embed: Linear<B>,
    /// `mask_token`: `[1, 1, decoder_dim]`, stands for every masked patch.
    pub mask_token: Param<Tensor<B, 3>>,
    /// `decoder_pos_embed`: the fixed sin-cos table, `[1, prefix + patches, decoder_dim]`.
    pub positions: PositionTable<B>,
    /// `decoder_blocks`.
    pub blocks: Vec<Block<B>>,
    /// `decoder_norm`.
    pub norm: LayerNorm<B>,
    /// `decoder_pred`: decoder width to `patch * patch * channels` pixels in the order (row, column, channel).
    pub pred: Linear<B>,
}

impl<B: Backend> MaeDecoder<B> {
    pub(crate) fn build(
        config: &MaeConfig,
        from: &mut Builder<'_, B>,
    ) -> Result<Self, BackboneError> {
        let (encoder, dim) = (&config.encoder, config.decoder_dim);
        let pixels = encoder.in_channels * encoder.patch_size * encoder.patch_size;
        Ok(Self {
            embed: from.child("decoder_embed").linear(encoder.dim, dim, true)?,
            mask_token: from.param(
                "mask_token",
                [1, 1, dim],
                InitRule::TruncatedNormal { std: 0.02 },
            )?,
            positions: PositionTable::fixed_sin_cos(
                encoder.prefix_tokens(),
                encoder.grid_side(),
                dim,
                from,
            ),
            blocks: config
                .decoder_blocks()
                .build(from.child("decoder_blocks"))?,
            norm: from
                .child("decoder_norm")
                .norm(dim, encoder.layer_norm_eps)?,
            pred: from.child("decoder_pred").linear(dim, pixels, true)?,
        })
    }

    /// Encoded tokens to decoder tokens of every patch, before the last norm.
    ///
    /// # Shapes
    /// - `latent`: `[batch, prefix + visible, encoder dim]`
    /// - result: `[batch, patches, decoder_dim]`
    pub(crate) fn tokens(
        &self,
        latent: Tensor<B, 3>,
        prefix: usize,
        plan: &MaskPlan,
    ) -> Tensor<B, 3> {
        let (visible, patches) = (plan.visible(), plan.patches());
        let x = apply_linear(&self.embed, latent);
        let [batch, _, dim] = x.dims();
        // One gather puts visible tokens back in their places and the mask token, the row behind them, everywhere else.
        let seen = x
            .clone()
            .narrow(1, prefix, visible)
            .reshape([batch * visible, dim]);
        let rows = Tensor::cat(vec![seen, self.mask_token.val().reshape([1, dim])], 0);
        let all = rows
            .select(0, indices(plan.restore_rows(), &x.device()))
            .reshape([batch, patches, dim]);
        let all = if prefix > 0 {
            Tensor::cat(vec![x.narrow(1, 0, prefix), all], 1)
        } else {
            all
        };
        let mut x = match self.positions.table() {
            Some(table) => all + table,
            None => all,
        };
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(index, x, &mut (), &());
        }
        x.narrow(1, prefix, patches)
    }

    /// Decoder tokens to pixels: `[1, rows, decoder_dim]` to `[1, rows, patch * patch * channels]`.
    pub(crate) fn pixels(&self, tokens: Tensor<B, 3>) -> Tensor<B, 3> {
        apply_linear(&self.pred, self.norm.forward(tokens))
    }
}

/// Row numbers as a tensor.
pub(crate) fn indices<B: Backend>(rows: Vec<usize>, device: &B::Device) -> Tensor<B, 1, Int> {
    let count = rows.len();
    let rows: Vec<i32> = rows.into_iter().map(|row| row as i32).collect();
    Tensor::from_data(TensorData::new(rows, [count]), device)
}
