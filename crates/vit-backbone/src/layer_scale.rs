//! LayerScale: a trained factor per channel behind a branch (CaiT, Touvron et al. 2021, equation 4).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::build::Builder;
use crate::{BackboneError, InitRule};

/// Multiplies every channel of a token by its own factor.
#[derive(Module, Debug)]
pub struct LayerScale<B: Backend> {
    /// `ls1.gamma` or `ls2.gamma`: `[dim]`.
    pub gamma: Param<Tensor<B, 1>>,
}

impl<B: Backend> LayerScale<B> {
    pub(crate) fn build(
        dim: usize,
        initial: f64,
        mut from: Builder<'_, B>,
    ) -> Result<Self, BackboneError> {
        Ok(Self {
            gamma: from.param("gamma", [dim], InitRule::Constant(initial as f32))?,
        })
    }

    /// `x * gamma` for tokens `[batch, tokens, dim]`.
    pub fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        x * self.gamma.val().unsqueeze()
    }
}
