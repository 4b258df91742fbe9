//! The seam: how an adapter acts on the linear maps of a frozen U-Net.

use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::apply_linear;

use crate::UnetSite;

/// An adapter, seen by the forward pass of a [`Unet`](crate::Unet): a value handed to it, which holds its own parameters only.
///
/// `()` is the frozen model.
pub trait UnetSeam<B: Backend> {
    /// A linear map of a transformer block: `[batch, tokens, inputs]` to `[batch, tokens, outputs]`. The default is what the pretrained
    /// model does.
    fn linear(&self, _site: UnetSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        apply_linear(base, x)
    }
}

impl<B: Backend> UnetSeam<B> for () {}
