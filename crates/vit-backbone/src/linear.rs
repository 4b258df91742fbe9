//! Applying a linear map to tokens.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// `x W + b` for tokens `[batch, tokens, inputs]`, giving `[batch, tokens, outputs]`.
///
/// The same numbers as [`Linear::forward`], computed as one product over all tokens by the fused operation.
pub fn apply_linear<B: Backend>(linear: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
    let bias = linear.bias.as_ref().map(Param::val);
    fused_ops::linear(x, linear.weight.val(), bias)
}
