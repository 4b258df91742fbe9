//! Multi-head self-attention (Vaswani et al. 2017, section 3.2) with timm's fused query-key-value map.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::build::Builder;
use crate::{BackboneError, LinearMap, LinearSite, Rotary};

/// `softmax(Q Kᵀ / sqrt(d_h)) V` per head, with `Q, K, V` from one fused map and an output map behind the joined heads.
#[derive(Module, Debug)]
pub struct Attention<B: Backend> {
    /// `attn.qkv`: weight `[dim, 3 dim]`, columns ordered queries, keys, values, each `[heads, head_dim]`.
    pub qkv: Linear<B>,
    /// `attn.proj`: weight `[dim, dim]`.
    pub proj: Linear<B>,
    /// Number of heads.
    pub heads: usize,
    /// The rotation of queries and keys, bound for one forward pass of a model with rotary positions and `None` at rest.
    pub rotary: Option<Rotary<B>>,
}

impl<B: Backend> Attention<B> {
    pub(crate) fn build(
        dim: usize,
        heads: usize,
        [qkv_bias, proj_bias]: [bool; 2],
        mut from: Builder<'_, B>,
    ) -> Result<Self, BackboneError> {
        Ok(Self {
            qkv: from.child("qkv").linear(dim, 3 * dim, qkv_bias)?,
            proj: from.child("proj").linear(dim, dim, proj_bias)?,
            heads,
            rotary: None,
        })
    }

    /// The same layer (it shares every tensor), bound to the rotation of a forward pass.
    pub(crate) fn bound(&self, rotary: &Rotary<B>) -> Self {
        Self {
            rotary: Some(rotary.clone()),
            ..self.clone()
        }
    }

    /// Queries and keys turned by their rotary positions, if the model has them: `[batch, tokens, 3 dim]` to the same.
    pub fn rotate(&self, qkv: Tensor<B, 3>) -> Tensor<B, 3> {
        match &self.rotary {
            Some(rotary) => rotary.rotate(qkv, self.heads),
            None => qkv,
        }
    }

    /// Softmax attention on the output of the fused map, rotary positions included: `[batch, tokens, 3 dim]` to
    /// `[batch, tokens, dim]`.
    pub fn product(&self, qkv: Tensor<B, 3>) -> Tensor<B, 3> {
        fused_ops::attention(self.rotate(qkv), self.heads)
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
        let joined = self.product(qkv);
        linear(
            LinearSite {
                block,
                map: LinearMap::Proj,
            },
            &self.proj,
            joined,
        )
    }
}
