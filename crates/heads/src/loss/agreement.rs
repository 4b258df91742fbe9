//! SADE's test-time objective: how much weighted experts agree on two views of the same images.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;

/// Norms below this count as this, as in the published code's cosine.
const LEAST_NORM: f64 = 1e-6;

/// Mean cosine, `[1]`, between the class probabilities of two views under experts mixed with the weights `softmax(weights)`
/// (Zhang et al., NeurIPS 2022, self-supervised aggregation). It is maximised over `weights`.
///
/// # Shapes
/// - `weights`: `[experts]`
/// - `first`, `second`: `[experts, rows, classes]`, logits of either view
///
/// # Panics
/// If the shapes do not agree.
pub fn agreement<B: Backend>(
    weights: Tensor<B, 1>,
    first: Tensor<B, 3>,
    second: Tensor<B, 3>,
) -> Tensor<B, 1> {
    assert_eq!(
        first.dims(),
        second.dims(),
        "both views are [experts, rows, classes]"
    );
    let [experts, rows, classes] = first.dims();
    assert_eq!(weights.dims(), [experts], "one weight per expert");
    let shares = softmax(weights, 0).reshape([experts, 1, 1]);
    let probabilities = |view: Tensor<B, 3>| {
        let mixed = (view * shares.clone()).sum_dim(0).reshape([rows, classes]);
        softmax(mixed, 1)
    };
    let (a, b) = (probabilities(first), probabilities(second));
    let length = |x: &Tensor<B, 2>| {
        x.clone()
            .powi_scalar(2)
            .sum_dim(1)
            .sqrt()
            .clamp_min(LEAST_NORM)
    };
    let lengths = length(&a) * length(&b);
    ((a * b).sum_dim(1) / lengths).mean()
}
