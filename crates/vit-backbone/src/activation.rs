//! The non-linearities of the MLP.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::Backend;

use crate::Activation;

impl Activation {
    /// Applies it to the output of `fc1`: `[batch, tokens, mlp_dim]` to the same, or half as wide for a gated one.
    pub fn apply<B: Backend>(self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        match self {
            Self::Gelu => fused_ops::gelu(x),
            Self::QuickGelu => x.clone() * sigmoid(x.mul_scalar(1.702)),
            Self::SwiGlu => {
                let half = x.dims()[2] / 2;
                let gate = x.clone().narrow(2, 0, half);
                let value = x.narrow(2, half, half);
                gate.clone() * sigmoid(gate) * value
            }
        }
    }
}
