//! Multi-head self-attention (Vaswani et al. 2017, section 3.2) with timm's fused query-key-value map.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;

use crate::build::Builder;
use crate::{BackboneError, LinearMap, LinearSite, heads};

/// `softmax(Q Kᵀ / sqrt(d_h)) V` per head, with `Q, K, V` from one fused map and an output map behind the joined heads.
#[derive(Module, Debug)]
pub struct Attention<B: Backend> {
    /// `attn.qkv`: weight `[dim, 3 dim]`, columns ordered queries, keys, values, each `[heads, head_dim]`.
    pub qkv: Linear<B>,
    /// `attn.proj`: weight `[dim, dim]`.
    pub proj: Linear<B>,
    /// Number of heads.
    pub heads: usize,
}

impl<B: Backend> Attention<B> {
    pub(crate) fn build(
        dim: usize,
        heads: usize,
        qkv_bias: bool,
        mut from: Builder<'_, B>,
    ) -> Result<Self, BackboneError> {
        Ok(Self {
            qkv: from.child("qkv").linear(dim, 3 * dim, qkv_bias)?,
            proj: from.child("proj").linear(dim, dim, true)?,
            heads,
        })
    }

    /// The whole layer, with both linear maps applied by `linear`.
    ///
    /// # Shapes
    /// - `x`: `[batch, tokens, dim]`, the output of `norm1`
    /// - result: `[batch, tokens, dim]`
    pub fn forward_with<F>(&self, block: usize, x: Tensor<B, 3>, linear: F) -> Tensor<B, 3>
    where
        F: Fn(LinearSite, &Linear<B>, Tensor<B, 3>) -> Tensor<B, 3>,
    {
        let qkv = linear(
            LinearSite {
                block,
                map: LinearMap::Qkv,
            },
            &self.qkv,
            x,
        );
        let [q, k, v] = self.split(qkv);
        let joined = Self::join(self.attend(q, k, v));
        linear(
            LinearSite {
                block,
                map: LinearMap::Proj,
            },
            &self.proj,
            joined,
        )
    }

    /// Splits the output of the fused map, `[batch, tokens, 3 dim]`, into queries, keys and values,
    /// `[batch, heads, tokens, head_dim]` each.
    pub fn split(&self, qkv: Tensor<B, 3>) -> [Tensor<B, 4>; 3] {
        heads::split(qkv, self.heads)
    }

    /// The product itself, `softmax(q kᵀ / sqrt(head_dim)) v`.
    ///
    /// # Shapes
    /// - `q`: `[batch, heads, queries, head_dim]`
    /// - `k`, `v`: `[batch, heads, keys, head_dim]`
    /// - result: `[batch, heads, queries, head_dim]`
    pub fn attend(&self, q: Tensor<B, 4>, k: Tensor<B, 4>, v: Tensor<B, 4>) -> Tensor<B, 4> {
        let head_dim = q.dims()[3];
        // timm scales the queries. The scores are as many numbers when there are as many tokens as channels, and they
        // are contiguous where the queries may be a view, so scaling them is several times faster on the CPU.
        let scores = q
            .matmul(k.swap_dims(2, 3))
            .mul_scalar((head_dim as f64).powf(-0.5));
        softmax(scores, 3).matmul(v)
    }

    /// Joins heads: `[batch, heads, tokens, head_dim]` to `[batch, tokens, heads * head_dim]`.
    pub fn join(x: Tensor<B, 4>) -> Tensor<B, 3> {
        heads::join(x)
    }
}
