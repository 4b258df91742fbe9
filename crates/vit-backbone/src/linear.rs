//! Applying a linear map to tokens as one matrix product.

use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// `x W + b` for tokens `[batch, tokens, inputs]`, giving `[batch, tokens, outputs]`.
///
/// The same numbers as [`Linear::forward`], computed on `[batch * tokens, inputs]`: one large product instead of `batch`
/// small ones, and a weight gradient that needs no sum over `batch` matrices of the weight's size.
pub fn apply_linear<B: Backend>(linear: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
    let [batch, tokens, inputs] = x.dims();
    let y = linear.forward(x.reshape([batch * tokens, inputs]));
    let outputs = y.dims()[1];
    y.reshape([batch, tokens, outputs])
}
