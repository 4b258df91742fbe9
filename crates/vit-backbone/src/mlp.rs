//! The MLP of a block: two linear maps with a non-linearity between them.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::build::Builder;
use crate::{Activation, BackboneError, LinearMap, LinearSite};

/// `fc2(act(fc1(x)))`; usually with the GELU of Hendrycks & Gimpel 2016 in its exact (error function) form.
#[derive(Module, Debug)]
pub struct Mlp<B: Backend> {
    /// `mlp.fc1`: weight `[dim, mlp_dim]`.
    pub fc1: Linear<B>,
    /// `mlp.fc2`: weight `[mlp_dim, dim]`, half as many inputs behind a gated activation.
    pub fc2: Linear<B>,
    /// What stands between them.
    #[module(skip)]
    pub activation: Activation,
}

impl<B: Backend> Mlp<B> {
    pub(crate) fn build(
        dim: usize,
        [hidden, inner]: [usize; 2],
        activation: Activation,
        mut from: Builder<'_, B>,
    ) -> Result<Self, BackboneError> {
        Ok(Self {
            fc1: from.child("fc1").linear(dim, hidden, true)?,
            fc2: from.child("fc2").linear(inner, dim, true)?,
            activation,
        })
    }

    /// The whole MLP, with both linear maps applied by `linear`.
    ///
    /// # Shapes
    /// - `x`: `[batch, tokens, dim]`, the output of `norm2`
    /// - result: `[batch, tokens, dim]`
    pub fn forward_with<F>(&self, block: usize, x: Tensor<B, 3>, linear: F) -> Tensor<B, 3>
    where
        F: Fn(LinearSite, &Linear<B>, Tensor<B, 3>) -> Tensor<B, 3>,
    {
        let hidden = self.activation.apply(linear(
            LinearSite {
                block,
                map: LinearMap::Fc1,
            },
            &self.fc1,
            x,
        ));
        linear(
            LinearSite {
                block,
                map: LinearMap::Fc2,
            },
            &self.fc2,
            hidden,
        )
    }
}
