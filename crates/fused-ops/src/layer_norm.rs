//! Layer normalisation over the last axis (Ba et al. 2016).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_flex::{Flex, FlexTensor};
use rayon::prelude::*;

use crate::autodiff::{arrived, give, record};
use crate::dispatch::{On, from_flex, on_flex};
use crate::math::{sum, vectorised};
use crate::reduce::{BLOCK, in_order};
use crate::values::{contiguous, numbers, rows_columns, shape, tensor};

/// `(x - mean) / sqrt(variance + epsilon) * gain + bias`, mean and biased variance over the last axis.
///
/// # Shapes
/// - `x`: `[.., dim]`, `gain` and `bias`: `[dim]`
/// - result: as `x`
pub fn layer_norm<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    gain: Tensor<B, 1>,
    bias: Option<Tensor<B, 1>>,
    epsilon: f64,
) -> Tensor<B, D> {
    // Models without a bias are rare: they take burn's way.
    let Some(bias) = bias else {
        return crate::compose::layer_norm(x, gain, None, epsilon);
    };
    match on_flex([&x, &gain, &bias]) {
        Some(On::Flex([x, gain, bias])) => {
            let (output, _) = forward(&contiguous(&x), &gain, &bias, epsilon);
            from_flex::<B, D>(output)
        }
        Some(On::Autodiff(parents)) => {
            let [x, gain, bias] = *parents;
            let values = contiguous(&x.primitive);
            let (output, statistics) = forward(&values, &gain.primitive, &bias.primitive, epsilon);
            let state = (values, contiguous(&gain.primitive), statistics);
            from_flex::<B, D>(record(LayerNorm, &[&x, &gain, &bias], state, output))
        }
        None => crate::compose::layer_norm(x, gain, Some(bias), epsilon),
    }
}

/// Mean and reciprocal deviation of every row.
type Statistics = Vec<[f32; 2]>;

#[derive(Debug)]
struct LayerNorm;

impl Backward<Flex, 3> for LayerNorm {
    type State = (FlexTensor, FlexTensor, Statistics);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = arrived(grads, &ops);
        let [x, gain, bias] = ops.parents;
        let (values, factors, statistics) = ops.state;
        if x.is_some() {
            let input = input_gradient(&values, &factors, &statistics, &grad);
            give!(grads, x, input);
        }
        if gain.is_some() || bias.is_some() {
            let [for_gain, for_bias] = parameter_gradients(&values, &statistics, &grad);
            give!(grads, gain, for_gain);
            give!(grads, bias, for_bias);
        }
    }
}

fn forward(
    x: &FlexTensor,
    gain: &FlexTensor,
    bias: &FlexTensor,
    epsilon: f64,
) -> (FlexTensor, Statistics) {
    let (rows, width) = rows_columns(x);
    let (gain, bias) = (contiguous(gain), contiguous(bias));
    let (gain, bias) = (numbers(&gain), numbers(&bias));
    assert!(
        gain.len() == width && bias.len() == width,
        "a norm of {} channels was given {width}",
        gain.len()
    );
    let scale = 1.0 / width.max(1) as f32;
    let mut output = vec![0.0; rows * width];
    let mut statistics = vec![[0.0; 2]; rows];
    output
        .par_chunks_mut((BLOCK * width).max(1))
        .zip(numbers(x).par_chunks((BLOCK * width).max(1)))
        .zip(statistics.par_chunks_mut(BLOCK))
        .for_each(|((output, input), statistics)| {
            vectorised(|| {
                let rows = output
                    .chunks_exact_mut(width)
                    .zip(input.chunks_exact(width));
                for ((y, x), statistics) in rows.zip(statistics) {
                    let mean = sum(x, x, |a, _| a) * scale;
                    let variance = sum(x, x, |a, _| (a - mean) * (a - mean)) * scale;
                    let inverse = 1.0 / (variance + epsilon as f32).sqrt();
                    for (((y, x), gain), bias) in y.iter_mut().zip(x).zip(gain).zip(bias) {
                        *y = (x - mean) * inverse * gain + bias;
                    }
                    *statistics = [mean, inverse];
                }
            });
        });
    (tensor(output, &shape(x)), statistics)
}

/// `(g - mean(g) - x̂ mean(g x̂)) / deviation` per row, with `g = dy * gain`.
fn input_gradient(
    x: &FlexTensor,
    gain: &FlexTensor,
    statistics: &Statistics,
    grad: &FlexTensor,
) -> FlexTensor {
    let (rows, width) = rows_columns(x);
    let gain = numbers(gain);
    let scale = 1.0 / width.max(1) as f32;
    let mut output = vec![0.0; rows * width];
    let block = (BLOCK * width).max(1);
    output
        .par_chunks_mut(block)
        .zip(numbers(x).par_chunks(block))
        .zip(numbers(grad).par_chunks(block))
        .zip(statistics.par_chunks(BLOCK))
        .for_each(|(((output, input), grad), statistics)| {
            vectorised(|| {
                let rows = output
                    .chunks_exact_mut(width)
                    .zip(input.chunks_exact(width))
                    .zip(grad.chunks_exact(width));
                for (((dx, x), dy), [mean, inverse]) in rows.zip(statistics) {
                    for ((g, dy), gain) in dx.iter_mut().zip(dy).zip(gain) {
                        *g = dy * gain;
                    }
                    let level = sum(dx, dx, |g, _| g) * scale;
                    let slope = sum(dx, x, |g, x| g * (x - mean)) * inverse * scale;
                    for (dx, x) in dx.iter_mut().zip(x) {
                        *dx = (*dx - level - (x - mean) * inverse * slope) * inverse;
                    }
                }
            });
        });
    tensor(output, &shape(x))
}

/// Sums over rows of `dy x̂` and of `dy`.
fn parameter_gradients(
    x: &FlexTensor,
    statistics: &Statistics,
    grad: &FlexTensor,
) -> [FlexTensor; 2] {
    let (_, width) = rows_columns(x);
    let block = (BLOCK * width).max(1);
    let partial = numbers(x)
        .par_chunks(block)
        .zip(numbers(grad).par_chunks(block))
        .zip(statistics.par_chunks(BLOCK))
        .map(|((input, grad), statistics)| {
            vectorised(|| {
                let mut sums = vec![0.0f32; 2 * width];
                let (for_gain, for_bias) = sums.split_at_mut(width);
                let rows = input.chunks_exact(width).zip(grad.chunks_exact(width));
                for ((x, dy), [mean, inverse]) in rows.zip(statistics) {
                    let sums = for_gain.iter_mut().zip(for_bias.iter_mut());
                    for ((for_gain, for_bias), (x, dy)) in sums.zip(x.iter().zip(dy)) {
                        *for_gain += dy * ((x - mean) * inverse);
                        *for_bias += dy;
                    }
                }
                sums
            })
        })
        .collect();
    let sums = in_order(partial, 2 * width);
    [&sums[..width], &sums[width..]].map(|sum| tensor(sum.to_vec(), &[width]))
}
