//! Softmax attention on heads that are split already, composed of burn's operations on every backend.

use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};

/// `softmax(Q Kᵀ / sqrt(head_dim) + mask) V` (Vaswani et al. 2017, section 3.2), for queries and keys of different lengths.
///
/// Numbers of 16 bits are scaled before the first product, so that no score leaves their range, and the softmax, a sum over many tokens, is
/// taken in single precision, as PyTorch does.
///
/// # Shapes
/// - `q`: `[batch, heads, tokens, head_dim]`, `k`, `v`: `[batch, heads, length, head_dim]`, `mask`: `[tokens, length]`
/// - result: as `q`
pub fn scaled_dot_product<B: Backend>(
    q: Tensor<B, 4>,
    k: Tensor<B, 4>,
    v: Tensor<B, 4>,
    mask: Option<Tensor<B, 2>>,
) -> Tensor<B, 4> {
    let (scale, dtype) = ((q.dims()[3] as f64).powf(-0.5), q.dtype());
    let k = k.swap_dims(2, 3);
    let scores = if is_half(dtype) {
        q.mul_scalar(scale).matmul(k).cast(FloatDType::F32)
    } else {
        q.matmul(k).mul_scalar(scale)
    };
    let scores = match mask {
        Some(mask) => {
            let mask = mask.cast(scores.dtype());
            scores + mask.unsqueeze::<4>()
        }
        None => scores,
    };
    softmax(scores, 3).cast(dtype).matmul(v)
}

/// Whether numbers of this type have 16 bits.
pub(crate) fn is_half(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16)
}
