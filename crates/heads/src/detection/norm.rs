//! Normalisation over the channels of a map.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// Layer normalisation over the channels at every place of `[batch, channels, height, width]`, as ViTDet normalises maps.
#[derive(Module, Debug)]
pub struct ChannelNorm<B: Backend> {
    /// Scale per channel.
    pub gamma: Param<Tensor<B, 1>>,
    /// Shift per channel.
    pub beta: Param<Tensor<B, 1>>,
}

/// Added to the variance.
const EPSILON: f64 = 1e-6;

impl<B: Backend> ChannelNorm<B> {
    /// Scale 1, shift 0.
    pub fn new(channels: usize, device: &B::Device) -> Self {
        Self {
            gamma: Param::from_tensor(Tensor::ones([channels], device)),
            beta: Param::from_tensor(Tensor::zeros([channels], device)),
        }
    }

    /// Normalised maps of the same shape, `[batch, channels, height, width]`.
    pub fn forward(&self, maps: Tensor<B, 4>) -> Tensor<B, 4> {
        let [_, channels, _, _] = maps.dims();
        let shape = [1, channels, 1, 1];
        let centred = maps.clone() - maps.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        centred / (variance + EPSILON).sqrt() * self.gamma.val().reshape(shape)
            + self.beta.val().reshape(shape)
    }
}

/// GELU by the error function; the gradient of burn's own is, on most backends, that of an approximation.
pub(super) fn gelu<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let share = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
    x * share * 0.5
}
