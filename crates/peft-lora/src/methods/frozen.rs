//! Frozen: the pretrained backbone as it is; whatever is trained, is trained in the head.

use std::marker::PhantomData;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{Seam, TokenEmbed};

/// No parameter at all.
#[derive(Module, Debug)]
pub struct Frozen<B: Backend> {
    backend: PhantomData<B>,
}

impl<B: Backend> Frozen<B> {
    /// The only value there is.
    pub fn new() -> Self {
        Self {
            backend: PhantomData,
        }
    }
}

impl<B: Backend> Default for Frozen<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Backend> Seam<B> for Frozen<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }
}
