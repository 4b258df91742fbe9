//! The unit of FCOS's towers: convolution, group normalisation, ReLU.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, GroupNormConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;

use super::pyramid::square_convolution;
use crate::segmentation::weights::Draw;

/// `relu(norm(conv(x)))` with a convolution of three by three without bias (Wu and He 2018 for the norm).
#[derive(Module, Debug)]
pub struct TowerLayer<B: Backend> {
    /// The convolution.
    pub conv: Conv2d<B>,
    /// The normalisation.
    pub norm: GroupNorm<B>,
}

impl<B: Backend> TowerLayer<B> {
    pub(super) fn new(
        from: usize,
        to: usize,
        groups: usize,
        std: f64,
        draw: &mut Draw<'_, B>,
    ) -> Self {
        Self {
            conv: square_convolution(draw.normal([to, from, 3, 3], std), None, 3, 1),
            norm: GroupNormConfig::new(groups, to).init(draw.device),
        }
    }

    pub(super) fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        relu(self.norm.forward(self.conv.forward(x)))
    }
}
