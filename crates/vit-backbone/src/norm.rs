//! Layer normalisation.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// LayerNorm over the last axis (Ba et al. 2016), computed by the fused operation.
///
/// Fields and names are those of burn's module of the same name, whose epsilon cannot be read.
#[derive(Module, Debug)]
pub struct LayerNorm<B: Backend> {
    /// Gain, `weight` in PyTorch: `[dim]`.
    pub gamma: Param<Tensor<B, 1>>,
    /// Bias: `[dim]`.
    pub beta: Option<Param<Tensor<B, 1>>>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl<B: Backend> LayerNorm<B> {
    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` for tokens `[.., dim]`.
    pub fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        let bias = self.beta.as_ref().map(Param::val);
        fused_ops::layer_norm(x, self.gamma.val(), bias, self.epsilon)
    }
}
