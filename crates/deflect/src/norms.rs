//! Norms of tokens and ratios of them, safe where a norm is zero.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::arithmetic::Pixels;

/// A token shorter than this has no direction.
pub(crate) const SHORTEST: f64 = 1e-12;

/// Euclidean norm of every token: `[batch, tokens, dim]` to `[batch, tokens, 1]`. At least [`SHORTEST`], with gradient 0 there:
/// the derivative of a norm at zero is not defined.
pub(crate) fn token_norms<B: Backend>(tokens: Tensor<B, 3>) -> Tensor<B, 3> {
    (tokens.clone() * tokens)
        .sum_dim(2)
        .clamp_min(SHORTEST * SHORTEST)
        .sqrt()
}

/// `target / own`, and 0 where `own` is the norm of a token without direction.
pub(crate) fn ratio<B: Backend>(target: Tensor<B, 3>, own: Tensor<B, 3>) -> Tensor<B, 3> {
    let directed = own.size_within(2.0 * SHORTEST, f64::from(f32::MAX));
    // Replaced before the division, so that no gradient of size 1/SHORTEST arises.
    (target / own.where_or(directed.clone(), 1.0)).where_or(directed, 0.0)
}
