//! Group normalisation (Wu & He 2018).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::InitRule;

use crate::DiffusionError;
use crate::build::Builder;

/// Normalises the channels of each group together over the whole image.
#[derive(Module, Debug)]
pub struct GroupNorm<B: Backend> {
    /// Gain, `[channels]`.
    pub gamma: Param<Tensor<B, 1>>,
    /// Bias, `[channels]`.
    pub beta: Param<Tensor<B, 1>>,
    /// Number of groups.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f64,
}

impl<B: Backend> GroupNorm<B> {
    pub(crate) fn build(
        channels: usize,
        groups: usize,
        epsilon: f64,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        Ok(Self {
            gamma: from.param("weight", [channels], InitRule::Constant(1.0))?,
            beta: from.param("bias", [channels], InitRule::Constant(0.0))?,
            groups,
            epsilon,
        })
    }

    /// `[batch, channels, height, width]` to the same.
    ///
    /// Mean and variance of a group are those of a LayerNorm over its numbers, for which there is a fused operation.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [batch, channels, height, width] = x.dims();
        let options = (&x.device(), x.dtype());
        let size = channels / self.groups * height * width;
        let gain = Tensor::ones([size], options);
        let bias = Tensor::zeros([size], options);
        let x = x.reshape([batch, self.groups, size]);
        let x = fused_ops::layer_norm(x, gain, Some(bias), self.epsilon);
        let x = x.reshape([batch, channels, height, width]);
        let over_pixels = |vector: &Param<Tensor<B, 1>>| vector.val().reshape([1, channels, 1, 1]);
        x * over_pixels(&self.gamma) + over_pixels(&self.beta)
    }
}
