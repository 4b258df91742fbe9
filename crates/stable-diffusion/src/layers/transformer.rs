//! The transformer inside the U-Net (`Transformer2DModel` and `BasicTransformerBlock` of diffusers; Rombach et al. 2022).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::LayerNorm;

use super::{CrossAttention, GroupNorm, Projection};
use crate::build::Builder;
use crate::{DiffusionError, UnetMap, UnetSeam, UnetSite};

/// Pixels as tokens through one transformer block, and back, added to what came in.
#[derive(Module, Debug)]
pub struct SpatialTransformer<B: Backend> {
    /// Over the map.
    pub norm: GroupNorm<B>,
    /// From channels to tokens.
    pub proj_in: Linear<B>,
    /// Before the attention among pixels.
    pub norm1: LayerNorm<B>,
    /// Among pixels.
    pub attn1: CrossAttention<B>,
    /// Before the attention on the context.
    pub norm2: LayerNorm<B>,
    /// From pixels to the context.
    pub attn2: CrossAttention<B>,
    /// Before the feed-forward layer.
    pub norm3: LayerNorm<B>,
    /// `ff.net.0.proj`: values and gates (GEGLU, Shazeer 2020).
    pub ff_in: Linear<B>,
    /// `ff.net.2`.
    pub ff_out: Linear<B>,
    /// From tokens to channels.
    pub proj_out: Linear<B>,
}

/// Added to the variance of the norm over the map.
const MAP_EPSILON: f64 = 1e-6;

/// Added to the variance of the norms of tokens.
const TOKEN_EPSILON: f64 = 1e-5;

/// What all transformers of a U-Net share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransformerSizes {
    pub(crate) groups: usize,
    pub(crate) context: usize,
    pub(crate) matrices: bool,
}

impl<B: Backend> SpatialTransformer<B> {
    pub(crate) fn build(
        dim: usize,
        heads: usize,
        sizes: TransformerSizes,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let around: &[usize] = if sizes.matrices {
            &[dim, dim]
        } else {
            &[dim, dim, 1, 1]
        };
        let norm = GroupNorm::build(dim, sizes.groups, MAP_EPSILON, from.child("norm"))?;
        let proj_in = from.child("proj_in").linear_shaped(around, true)?;
        let proj_out = from.child("proj_out").linear_shaped(around, true)?;
        let mut block = from.child("transformer_blocks.0");
        let attn =
            |context, from: Builder<'_, B>| CrossAttention::build(dim, context, heads, false, from);
        Ok(Self {
            norm,
            proj_in,
            norm1: block.child("norm1").layer_norm(dim, TOKEN_EPSILON)?,
            attn1: attn(dim, block.child("attn1"))?,
            norm2: block.child("norm2").layer_norm(dim, TOKEN_EPSILON)?,
            attn2: attn(sizes.context, block.child("attn2"))?,
            norm3: block.child("norm3").layer_norm(dim, TOKEN_EPSILON)?,
            ff_in: block.child("ff.net.0.proj").linear(dim, 8 * dim, true)?,
            ff_out: block.child("ff.net.2").linear(4 * dim, dim, true)?,
            proj_out,
        })
    }

    /// One of its linear maps.
    pub fn linear(&self, map: UnetMap) -> &Linear<B> {
        match map {
            UnetMap::ProjIn => &self.proj_in,
            UnetMap::Own(projection) => self.attn1.projection(projection),
            UnetMap::Cross(projection) => self.attn2.projection(projection),
            UnetMap::FfIn => &self.ff_in,
            UnetMap::FfOut => &self.ff_out,
            UnetMap::ProjOut => &self.proj_out,
        }
    }

    /// `at` gives the site of each map.
    ///
    /// # Shapes
    /// - `x`: `[batch, dim, height, width]`, `context`: `[batch, length, context]`
    /// - result: as `x`
    pub(crate) fn forward<S: UnetSeam<B>>(
        &self,
        x: Tensor<B, 4>,
        context: &Tensor<B, 3>,
        at: impl Fn(UnetMap) -> UnetSite,
        seam: &S,
    ) -> Tensor<B, 4> {
        let [batch, dim, height, width] = x.dims();
        let linear = |map, base: &Linear<B>, x| seam.linear(at(map), base, x);
        let tokens = self
            .norm
            .forward(x.clone())
            .reshape([batch, dim, height * width])
            .swap_dims(1, 2);
        let mut t = linear(UnetMap::ProjIn, &self.proj_in, tokens);
        let own =
            |projection: Projection, base: &Linear<B>, x| linear(UnetMap::Own(projection), base, x);
        let cross = |projection: Projection, base: &Linear<B>, x| {
            linear(UnetMap::Cross(projection), base, x)
        };
        t = t.clone() + self.attn1.forward(self.norm1.forward(t), None, own);
        t = t.clone()
            + self
                .attn2
                .forward(self.norm2.forward(t), Some(context), cross);
        let both = linear(UnetMap::FfIn, &self.ff_in, self.norm3.forward(t.clone()));
        let half = 4 * dim;
        let gated = both.clone().narrow(2, 0, half) * fused_ops::gelu(both.narrow(2, half, half));
        t = t + linear(UnetMap::FfOut, &self.ff_out, gated);
        let t = linear(UnetMap::ProjOut, &self.proj_out, t);
        x + t.swap_dims(1, 2).reshape([batch, dim, height, width])
    }
}
