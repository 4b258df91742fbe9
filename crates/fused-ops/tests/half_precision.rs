//! Numbers of 16 bits: norms and softmax are computed in single precision, so that large activations and long sequences stay what they are.

use burn::tensor::{DType, FloatDType, Tensor};
use burn_flex::Flex;

const HALVES: [(FloatDType, f32); 2] = [(FloatDType::F16, 2e-3), (FloatDType::BF16, 1.6e-2)];

fn numbers(count: usize, scale: f32) -> Tensor<Flex, 1> {
    let values: Vec<f32> = (0..count).map(|i| scale * (i as f32 * 0.7).sin()).collect();
    Tensor::from_floats(values.as_slice(), &Default::default())
}

/// The largest difference relative to the largest number.
fn error<const D: usize>(found: Tensor<Flex, D>, expected: Tensor<Flex, D>) -> f32 {
    let values = |t: Tensor<Flex, D>| t.into_data().iter::<f32>().collect::<Vec<_>>();
    let (found, expected) = (values(found), values(expected));
    let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let pairs = found.iter().zip(&expected);
    let worst = pairs.map(|(a, b)| {
        if a.is_finite() {
            (a - b).abs()
        } else {
            f32::MAX
        }
    });
    worst.fold(0.0, f32::max) / largest
}

/// The square of 3,000 is beyond the range of half precision.
#[test]
fn norms_of_large_activations_are_finite() {
    let (gain, bias) = (numbers(64, 1.0), numbers(64, 0.1));
    for (dtype, rounding) in HALVES {
        let x = numbers(256, 3000.0).reshape([1, 4, 64]).cast(dtype);
        let norm = |bias: Option<Tensor<Flex, 1>>| {
            let half = fused_ops::layer_norm(
                x.clone(),
                gain.clone().cast(dtype),
                bias.clone().map(|bias| bias.cast(dtype)),
                1e-6,
            );
            assert_eq!(half.dtype(), DType::from(dtype));
            let single =
                fused_ops::layer_norm(x.clone().cast(FloatDType::F32), gain.clone(), bias, 1e-6);
            error(half, single)
        };
        assert!(norm(Some(bias.clone())) < rounding);
        assert!(norm(None) < rounding);
    }
}

#[test]
fn attention_over_many_tokens_keeps_its_sum() {
    for (dtype, rounding) in HALVES {
        // Scores of up to 1,600 before they are scaled, and 500 tokens to sum over.
        let qkv = numbers(500 * 24, 20.0).reshape([1, 500, 24]).cast(dtype);
        let half = fused_ops::attention(qkv.clone(), 2);
        assert_eq!(half.dtype(), DType::from(dtype));
        // Values of one: whatever the weights, their sum is one.
        let [q, k] = [0, 8].map(|from| qkv.clone().narrow(2, from, 8));
        let ones = Tensor::ones([1, 500, 8], (&Default::default(), DType::from(dtype)));
        let sums = fused_ops::attention(Tensor::cat(vec![q, k, ones.clone()], 2), 2);
        assert!(error(sums, ones) < rounding);
    }
}

/// Split heads and fused ones are the same attention; a mask hides what it covers.
#[test]
fn split_and_fused_heads_agree() {
    let qkv = numbers(2 * 5 * 24, 1.0).reshape([2, 5, 24]);
    let [q, k, v] = [0, 8, 16].map(|from| {
        let part = qkv.clone().narrow(2, from, 8);
        part.reshape([2, 5, 2, 4]).swap_dims(1, 2)
    });
    let joined = |x: Tensor<Flex, 4>| x.swap_dims(1, 2).reshape([2, 5, 8]);
    let fused = fused_ops::attention(qkv, 2);
    let split = fused_ops::scaled_dot_product(q.clone(), k.clone(), v.clone(), None);
    assert!(error(joined(split), fused) < 1e-6);

    // Only the first token is seen.
    let row = [0.0, -1e30, -1e30, -1e30, -1e30].repeat(5);
    let mask = Tensor::<Flex, 1>::from_floats(row.as_slice(), &Default::default());
    let masked = fused_ops::scaled_dot_product(q, k, v.clone(), Some(mask.reshape([5, 5])));
    let first = v.narrow(2, 0, 1).expand([2, 2, 5, 4]);
    assert!(error(masked, first) < 1e-6);
}
