//! The same operations composed of burn's own, for every other backend.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Tensor, TensorPrimitive};

use crate::scaled_dot_product::{is_half, scaled_dot_product};

pub(crate) fn linear<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 2>,
    bias: Option<Tensor<B, 1>>,
) -> Tensor<B, D> {
    let mut shape = x.dims();
    let [inputs, outputs] = weight.dims();
    let rows = shape[..D - 1].iter().product();
    // One large product instead of one per sample, and a weight gradient that needs no sum over samples.
    let y = burn::tensor::module::linear(x.reshape([rows, inputs]), weight, bias);
    shape[D - 1] = outputs;
    y.reshape(shape)
}

pub(crate) fn layer_norm<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    gain: Tensor<B, 1>,
    bias: Option<Tensor<B, 1>>,
    epsilon: f64,
) -> Tensor<B, D> {
    let dtype = x.dtype();
    if is_half(dtype) {
        // The square of a large activation is beyond half precision: statistics are taken in single precision, as PyTorch does.
        let bias = bias.map(|bias| bias.cast(FloatDType::F32));
        let (x, gain) = (x.cast(FloatDType::F32), gain.cast(FloatDType::F32));
        return crate::layer_norm(x, gain, bias, epsilon).cast(dtype);
    }
    let float = |t: TensorPrimitive<B>| t.tensor();
    Tensor::from_primitive(TensorPrimitive::Float(B::layer_norm(
        float(x.into_primitive()),
        float(gain.into_primitive()),
        bias.map(|bias| float(bias.into_primitive())),
        epsilon,
    )))
}

/// burn 0.21 computes the exact function on every backend, but its default derivative is that of the tanh approximation: off by up to
/// 1e-3. Where gradients are wanted, the function is composed of operations whose derivatives are right.
pub(crate) fn gelu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    if !B::ad_enabled(&x.device()) {
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

pub(crate) fn attention<B: Backend>(qkv: Tensor<B, 3>, heads: usize) -> Tensor<B, 3> {
    let [batch, tokens, width] = qkv.dims();
    let head_dim = width / (3 * heads);
    // The fused axis seen as 3·heads heads: queries, keys and values are a range of them each.
    let all = qkv
        .reshape([batch, tokens, 3 * heads, head_dim])
        .swap_dims(1, 2);
    let [q, k, v] = [0, 1, 2].map(|part| all.clone().narrow(1, part * heads, heads));
    scaled_dot_product(q, k, v, None)
        .swap_dims(1, 2)
        .reshape([batch, tokens, heads * head_dim])
}
