//! The exact GELU with its exact gradient.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// `x Φ(x) = x (1 + erf(x / √2)) / 2` (Hendrycks & Gimpel 2016), for any shape.
///
/// burn 0.21 computes it so on every backend, but its default derivative is that of the tanh approximation: the goldens
/// show gradients off by up to 1e-3 on every backend except flex, which has a kernel of its own. Where that kernel is
/// absent and gradients are wanted, the function is composed of operations whose derivatives are right.
pub(crate) fn gelu<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 3> {
    let device = x.device();
    if !B::ad_enabled(&device) || B::name(&device).contains("flex") {
        return burn::tensor::activation::gelu(x);
    }
    let cumulative = x
        .clone()
        .mul_scalar(FRAC_1_SQRT_2)
        .erf()
        .add_scalar(1.0)
        .mul_scalar(0.5);
    x * cumulative
}
