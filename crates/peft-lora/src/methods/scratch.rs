//! From scratch: full fine-tuning from a new random initialisation, the measure of what pretraining is worth.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{
    LayerNorm, LayerScale, LayerScaleSite, LinearSite, NormSite, Seam, TokenEmbed, Vit, VitConfig,
};

use super::Full;
use crate::error::PeftError;

/// A backbone of the base's architecture with random weights, every parameter of it trained.
#[derive(Module, Debug)]
pub struct Scratch<B: Backend> {
    /// The new backbone.
    pub full: Full<B>,
}

impl<B: Backend> Scratch<B> {
    /// A backbone drawn as [`Vit::init`] draws it: the same seed gives the same weights on every backend.
    ///
    /// # Errors
    /// [`PeftError::Backbone`] if the configuration is not valid.
    pub fn init(config: &VitConfig, seed: u64, device: &B::Device) -> Result<Self, PeftError> {
        Ok(Self {
            full: Full {
                vit: Vit::init(config, seed, device)?,
            },
        })
    }
}

impl<B: Backend> Seam<B> for Scratch<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        self.full.embed(base, image)
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.full.linear(site, base, x)
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.full.norm(site, base, x)
    }

    fn layer_scale(
        &self,
        site: LayerScaleSite,
        base: &LayerScale<B>,
        x: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        self.full.layer_scale(site, base, x)
    }
}
