//! Full fine-tuning: a trainable copy of the whole backbone, which takes the base's place at every part of the seam.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{
    LayerNorm, LayerScale, LayerScaleSite, LinearSite, NormSite, Seam, TokenEmbed, Vit,
    apply_linear,
};

use crate::params::trainable_copy;

/// A copy of the backbone, every parameter of it trained: also class token, registers, learned positions and LayerScale.
///
/// Fixed sin-cos positions stay fixed. Stochastic depth is the base's.
#[derive(Module, Debug)]
pub struct Full<B: Backend> {
    /// The copy.
    pub vit: Vit<B>,
}

impl<B: Backend> Full<B> {
    /// A trainable copy of `base` that shares nothing with it.
    pub fn copy_of(base: &Vit<B>) -> Self {
        Self {
            vit: trainable_copy(base),
        }
    }
}

impl<B: Backend> Seam<B> for Full<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        // Size of a pixel, date and place are properties of the images, set on the base for each batch; no trained copy has them.
        (self.vit.embed.in_context_of(base).forward(image), ())
    }

    fn linear(&self, site: LinearSite, _base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        apply_linear(self.vit.linear(site), x)
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.vit.norm_layer(site).unwrap_or(base).forward(x)
    }

    fn layer_scale(
        &self,
        site: LayerScaleSite,
        base: &LayerScale<B>,
        x: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        let own = match site {
            LayerScaleSite::Ls1(block) => &self.vit.blocks[block].ls1,
            LayerScaleSite::Ls2(block) => &self.vit.blocks[block].ls2,
        };
        own.as_ref().unwrap_or(base).forward(x)
    }
}
