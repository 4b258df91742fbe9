//! Softmax attention with separate maps of queries, keys and values (Vaswani et al. 2017, section 3.2).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::DiffusionError;
use crate::build::Builder;

/// The four maps of an attention.
#[derive(Module, Debug)]
pub struct CrossAttention<B: Backend> {
    /// Queries, from the tokens.
    pub to_q: Linear<B>,
    /// Keys, from the tokens or from the context.
    pub to_k: Linear<B>,
    /// Values, from where the keys come from.
    pub to_v: Linear<B>,
    /// `to_out.0`: from the joined heads.
    pub to_out: Linear<B>,
    /// Number of heads.
    pub heads: usize,
}

/// Which of the four maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Projection {
    /// `to_q`.
    Query,
    /// `to_k`.
    Key,
    /// `to_v`.
    Value,
    /// `to_out.0`.
    Out,
}

impl<B: Backend> CrossAttention<B> {
    /// `context` is the width of what keys and values come from; `bias` says whether the first three maps have one.
    pub(crate) fn build(
        dim: usize,
        context: usize,
        heads: usize,
        bias: bool,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        Ok(Self {
            to_q: from.child("to_q").linear(dim, dim, bias)?,
            to_k: from.child("to_k").linear(context, dim, bias)?,
            to_v: from.child("to_v").linear(context, dim, bias)?,
            to_out: from.child("to_out.0").linear(dim, dim, true)?,
            heads,
        })
    }

    /// One of the maps.
    pub fn projection(&self, projection: Projection) -> &Linear<B> {
        match projection {
            Projection::Query => &self.to_q,
            Projection::Key => &self.to_k,
            Projection::Value => &self.to_v,
            Projection::Out => &self.to_out,
        }
    }

    /// The layer, each map applied by `linear`; without a context, tokens look at one another.
    ///
    /// # Shapes
    /// - `x`: `[batch, tokens, dim]`, `context`: `[batch, length, context]`
    /// - result: `[batch, tokens, dim]`
    pub(crate) fn forward(
        &self,
        x: Tensor<B, 3>,
        context: Option<&Tensor<B, 3>>,
        linear: impl Fn(Projection, &Linear<B>, Tensor<B, 3>) -> Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        let source = context.cloned().unwrap_or_else(|| x.clone());
        let q = linear(Projection::Query, &self.to_q, x);
        let k = linear(Projection::Key, &self.to_k, source.clone());
        let v = linear(Projection::Value, &self.to_v, source);
        let joined = if context.is_none() {
            // The fused operation never holds the matrix of scores, which has 4096 x 4096 numbers per head at 512 pixels.
            fused_ops::attention(Tensor::cat(vec![q, k, v], 2), self.heads)
        } else {
            attend(q, k, v, self.heads, None)
        };
        linear(Projection::Out, &self.to_out, joined)
    }
}

/// `softmax(Q Kᵀ / sqrt(head_dim) + mask) V` per head, heads joined: `[batch, tokens, dim]`.
///
/// # Shapes
/// - `q`: `[batch, tokens, dim]`, `k` and `v`: `[batch, length, dim]`, `mask`: `[tokens, length]`
pub(crate) fn attend<B: Backend>(
    q: Tensor<B, 3>,
    k: Tensor<B, 3>,
    v: Tensor<B, 3>,
    heads: usize,
    mask: Option<Tensor<B, 2>>,
) -> Tensor<B, 3> {
    let [batch, tokens, dim] = q.dims();
    let head_dim = dim / heads;
    let split = |x: Tensor<B, 3>| {
        let length = x.dims()[1];
        x.reshape([batch, length, heads, head_dim]).swap_dims(1, 2)
    };
    fused_ops::scaled_dot_product(split(q), split(k), split(v), mask)
        .swap_dims(1, 2)
        .reshape([batch, tokens, dim])
}
