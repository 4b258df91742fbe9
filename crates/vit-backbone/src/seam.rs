//! The seam: one method per place at which a method of the literature acts on a frozen vision transformer.

use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::{
    Attention, LayerNorm, LayerScale, LayerScaleSite, LinearSite, Mlp, NormSite, TokenEmbed,
    apply_linear,
};

/// An adapter, seen by the forward pass of a [`Vit`](crate::Vit).
///
/// Every method is handed the layer of the base model and does with it what it likes; the defaults do what the
/// pretrained model does, and `()` is the frozen model. An override that wants to add to the default calls the layer's
/// own method: [`TokenEmbed::forward`], [`apply_linear`], [`LayerNorm::forward`], [`Attention::forward_with`],
/// [`Mlp::forward_with`], [`LayerScale::forward`].
pub trait Seam<B: Backend> {
    /// What the adapter carries from the embedding through the blocks; `()` for methods in weight space.
    type State;

    /// The token sequence that enters the first block (or the norm in front of it), and the adapter's state.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`
    /// - result: `[batch, prefix + extra + patches, dim]`, class and register tokens and positions included
    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, Self::State);

    /// A linear map: `[batch, tokens, inputs]` to `[batch, tokens, outputs]`.
    fn linear(&self, _site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        apply_linear(base, x)
    }

    /// A LayerNorm: `[batch, tokens, dim]` to the same.
    fn norm(&self, _site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        base.forward(x)
    }

    /// A LayerScale: `[batch, tokens, dim]` to the same. Only called for models that have it.
    fn layer_scale(
        &self,
        _site: LayerScaleSite,
        base: &LayerScale<B>,
        x: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        base.forward(x)
    }

    /// The attention of a block, from the output of `norm1` to before the residual sum: `[batch, tokens, dim]` to the same.
    fn attention(
        &self,
        block: usize,
        base: &Attention<B>,
        x: Tensor<B, 3>,
        _state: &mut Self::State,
    ) -> Tensor<B, 3> {
        base.forward_with(block, x, |site, linear, x| self.linear(site, linear, x))
    }

    /// The MLP of a block, from the output of `norm2` to before the residual sum: `[batch, tokens, dim]` to the same.
    fn mlp(
        &self,
        block: usize,
        base: &Mlp<B>,
        x: Tensor<B, 3>,
        _state: &mut Self::State,
    ) -> Tensor<B, 3> {
        base.forward_with(block, x, |site, linear, x| self.linear(site, linear, x))
    }

    /// Between blocks, behind the second residual sum of `block`: `[batch, tokens, dim]`.
    fn after_block(
        &self,
        _block: usize,
        x: Tensor<B, 3>,
        _state: &mut Self::State,
    ) -> Tensor<B, 3> {
        x
    }

    /// Number of tokens that the adapter itself adds, between the base's prefix tokens and the patches.
    fn extra_tokens(&self) -> usize {
        0
    }
}

/// The frozen model.
impl<B: Backend> Seam<B> for () {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }
}
