//! Convolutions, and the two ways of changing resolution that are made of them.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use crate::DiffusionError;
use crate::build::{Builder, torch_default};

/// A two-dimensional convolution with a bias.
#[derive(Module, Debug)]
pub struct Conv<B: Backend> {
    /// `[outputs, inputs, size, size]`.
    pub weight: Param<Tensor<B, 4>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<B, 1>>,
    /// Step along both axes.
    pub stride: usize,
    /// Zeros above and left.
    pub padding_start: usize,
    /// Zeros below and right.
    pub padding_end: usize,
}

impl<B: Backend> Conv<B> {
    /// A convolution of stride one that keeps the size: `size` is 1 or 3.
    pub(crate) fn build(
        inputs: usize,
        outputs: usize,
        size: usize,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let rule = torch_default(inputs * size * size);
        Ok(Self {
            weight: from.param("weight", [outputs, inputs, size, size], rule)?,
            bias: from.param("bias", [outputs], rule)?,
            stride: 1,
            padding_start: size / 2,
            padding_end: size / 2,
        })
    }

    /// A convolution of size 3 that halves the size. The U-Net pads all sides, the autoencoder only those below and right.
    pub(crate) fn build_halving(
        channels: usize,
        padding_start: usize,
        from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        Ok(Self {
            stride: 2,
            padding_start,
            padding_end: 1,
            ..Self::build(channels, channels, 3, from)?
        })
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, height / stride, width / stride]`.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let (x, padding) = if self.padding_start == self.padding_end {
            (x, self.padding_start)
        } else {
            (self.padded(x), 0)
        };
        let options = ConvOptions::new([self.stride; 2], [padding; 2], [1, 1], 1);
        conv2d(x, self.weight.val(), Some(self.bias.val()), options)
    }

    /// The image between its zeros. burn 0.21 would make them in the backend's own precision, whatever that of the image.
    fn padded(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let options = (&x.device(), x.dtype());
        [2, 3].into_iter().fold(x, |x, axis| {
            let zeros = |width: usize| {
                let mut shape = x.dims();
                shape[axis] = width;
                (width > 0).then(|| Tensor::zeros(shape, options))
            };
            let around = [
                zeros(self.padding_start),
                Some(x.clone()),
                zeros(self.padding_end),
            ];
            Tensor::cat(around.into_iter().flatten().collect(), axis)
        })
    }
}

/// Every pixel twice along both axes: `[batch, channels, height, width]` to `[batch, channels, 2 height, 2 width]`.
pub(crate) fn doubled<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch * channels, height, 1, width, 1])
        .expand([batch * channels, height, 2, width, 2])
        .reshape([batch, channels, 2 * height, 2 * width])
}
