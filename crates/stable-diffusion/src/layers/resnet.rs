//! The residual block of U-Net and autoencoder (`ResnetBlock2D` of diffusers).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;
use burn::tensor::backend::Backend;

use super::{Conv, GroupNorm};
use crate::DiffusionError;
use crate::build::Builder;

/// `x + conv2(silu(norm2(conv1(silu(norm1(x))) + time)))`, `x` through a convolution of size one where channels change.
#[derive(Module, Debug)]
pub struct ResnetBlock<B: Backend> {
    /// Before the first convolution.
    pub norm1: GroupNorm<B>,
    /// From the channels that come in to those that go out.
    pub conv1: Conv<B>,
    /// From the embedding of time to one number per channel; absent in the autoencoder.
    pub time_emb_proj: Option<Linear<B>>,
    /// Before the second convolution.
    pub norm2: GroupNorm<B>,
    /// Keeps the channels.
    pub conv2: Conv<B>,
    /// On the way past, where channels change.
    pub conv_shortcut: Option<Conv<B>>,
}

/// What all residual blocks of a network share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResnetSizes {
    pub(crate) groups: usize,
    pub(crate) epsilon: f64,
    pub(crate) time_dim: Option<usize>,
}

impl<B: Backend> ResnetBlock<B> {
    pub(crate) fn build(
        inputs: usize,
        outputs: usize,
        sizes: ResnetSizes,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let ResnetSizes {
            groups, epsilon, ..
        } = sizes;
        Ok(Self {
            norm1: GroupNorm::build(inputs, groups, epsilon, from.child("norm1"))?,
            conv1: Conv::build(inputs, outputs, 3, from.child("conv1"))?,
            time_emb_proj: match sizes.time_dim {
                Some(dim) => Some(from.child("time_emb_proj").linear(dim, outputs, true)?),
                None => None,
            },
            norm2: GroupNorm::build(outputs, groups, epsilon, from.child("norm2"))?,
            conv2: Conv::build(outputs, outputs, 3, from.child("conv2"))?,
            conv_shortcut: if inputs == outputs {
                None
            } else {
                Some(Conv::build(
                    inputs,
                    outputs,
                    1,
                    from.child("conv_shortcut"),
                )?)
            },
        })
    }

    /// # Shapes
    /// - `x`: `[batch, inputs, height, width]`, `time`: `[batch, time_dim]` behind its SiLU
    /// - result: `[batch, outputs, height, width]`
    pub(crate) fn forward(&self, x: Tensor<B, 4>, time: Option<&Tensor<B, 2>>) -> Tensor<B, 4> {
        let mut h = self.conv1.forward(silu(self.norm1.forward(x.clone())));
        if let (Some(project), Some(time)) = (&self.time_emb_proj, time) {
            let bias = project.bias.as_ref().map(|bias| bias.val());
            let shift = fused_ops::linear(time.clone(), project.weight.val(), bias);
            let [batch, channels] = shift.dims();
            h = h + shift.reshape([batch, channels, 1, 1]);
        }
        let h = self.conv2.forward(silu(self.norm2.forward(h)));
        match &self.conv_shortcut {
            Some(shortcut) => shortcut.forward(x) + h,
            None => x + h,
        }
    }
}
