//! Convolution, batch normalisation, ReLU: the unit that UPerNet is made of.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;

use super::BatchNorm;
use super::weights::Draw;

/// `relu(norm(conv(x)))`; the convolution has no bias and keeps the extent.
#[derive(Module, Debug)]
pub struct ConvBlock<B: Backend> {
    /// The convolution.
    pub conv: Conv2d<B>,
    /// The normalisation.
    pub norm: BatchNorm<B>,
}

impl<B: Backend> ConvBlock<B> {
    pub(super) fn new(from: usize, to: usize, side: usize, draw: &mut Draw<'_, B>) -> Self {
        Self {
            conv: draw.convolution(from, to, side),
            norm: BatchNorm::new(to, draw.device),
        }
    }

    /// Maps `[batch, from, height, width]` to `[batch, to, height, width]`.
    pub fn forward(&self, maps: Tensor<B, 4>) -> Tensor<B, 4> {
        relu(self.norm.forward(self.conv.forward(maps)))
    }
}

/// Trained numbers of a [`ConvBlock`]: weights, scale and shift.
pub(super) fn conv_block_count(from: usize, to: usize, side: usize) -> usize {
    from * to * side * side + 2 * to
}
