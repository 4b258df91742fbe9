//! Softmax attention on the output of a fused query-key-value map.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_flex::{Flex, FlexTensor};
use rayon::prelude::*;

use crate::autodiff::{arrived, give, record};
use crate::dispatch::{On, from_flex, on_flex};
use crate::math::{exp, largest, sum, vectorised};
use crate::product::{Threads, View, ViewMut};
use crate::values::{contiguous, numbers, shape, tensor};

/// `softmax(Q Kᵀ / sqrt(head_dim)) V` per head, heads joined (Vaswani et al. 2017, section 3.2).
///
/// The fused path reads queries, keys and values where they lie and keeps nothing but its input: the backward pass computes the
/// softmax again.
///
/// # Shapes
/// - `qkv`: `[batch, tokens, 3 dim]`, the last axis ordered (map, head, head_dim)
/// - result: `[batch, tokens, dim]`
///
/// # Panics
/// When the last axis is not a multiple of `3 heads`.
pub fn attention<B: Backend>(qkv: Tensor<B, 3>, heads: usize) -> Tensor<B, 3> {
    let width = qkv.dims()[2];
    assert!(
        heads > 0 && width.is_multiple_of(3 * heads),
        "{width} channels do not split into queries, keys and values of {heads} heads"
    );
    match on_flex([&qkv]) {
        Some(On::Flex([qkv])) => from_flex::<B, 3>(forward(&contiguous(&qkv), heads)),
        Some(On::Autodiff(parents)) => {
            let [qkv] = *parents;
            let values = contiguous(&qkv.primitive);
            let output = forward(&values, heads);
            from_flex::<B, 3>(record(Attention { heads }, &[&qkv], values, output))
        }
        None => crate::compose::attention(qkv, heads),
    }
}

#[derive(Debug)]
struct Attention {
    heads: usize,
}

impl Backward<Flex, 1> for Attention {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = arrived(grads, &ops);
        let [node] = ops.parents;
        give!(grads, node, backward(&ops.state, &grad, self.heads));
    }
}

/// How the numbers of one sample lie.
#[derive(Clone, Copy)]
struct Sizes {
    tokens: usize,
    dim: usize,
    head_dim: usize,
}

impl Sizes {
    fn of(qkv: &FlexTensor, heads: usize) -> Self {
        let shape = shape(qkv);
        let dim = shape[2] / 3;
        Self {
            tokens: shape[1],
            dim,
            head_dim: dim / heads,
        }
    }

    fn scale(&self) -> f32 {
        (self.head_dim as f64).powf(-0.5) as f32
    }

    /// Queries (0), keys (1) or values (2) of a head: `[tokens, head_dim]`.
    fn part<'a>(&self, sample: &'a [f32], part: usize, head: usize) -> View<'a> {
        let start = part * self.dim + head * self.head_dim;
        View::new(&sample[start..], self.tokens, self.head_dim, 3 * self.dim)
    }

    fn part_mut<'a>(&self, sample: &'a mut [f32], part: usize, head: usize) -> ViewMut<'a> {
        let start = part * self.dim + head * self.head_dim;
        ViewMut::new(
            &mut sample[start..],
            self.tokens,
            self.head_dim,
            3 * self.dim,
        )
    }

    /// A head's share of the joined output: `[tokens, head_dim]`.
    fn joined<'a>(&self, sample: &'a [f32], head: usize) -> View<'a> {
        let start = head * self.head_dim;
        View::new(&sample[start..], self.tokens, self.head_dim, self.dim)
    }

    /// `softmax(q kᵀ / sqrt(head_dim))` into `weights`, `[tokens, tokens]`.
    fn weights(&self, sample: &[f32], head: usize, weights: &mut [f32]) {
        let (queries, keys) = (self.part(sample, 0, head), self.part(sample, 1, head));
        ViewMut::dense(weights, self.tokens, self.tokens).product(
            false,
            self.scale(),
            queries,
            keys.transposed(),
            Threads::One,
        );
        softmax_rows(weights, self.tokens);
    }
}

fn softmax_rows(matrix: &mut [f32], width: usize) {
    vectorised(|| {
        for row in matrix.chunks_exact_mut(width) {
            // NaN is left out of the maximum; it comes back through the exponential.
            let top = largest(row);
            for value in row.iter_mut() {
                *value = exp(*value - top);
            }
            let inverse = 1.0 / sum(row, row, |a, _| a);
            for value in row.iter_mut() {
                *value *= inverse;
            }
        }
    });
}

fn forward(qkv: &FlexTensor, heads: usize) -> FlexTensor {
    let sizes = Sizes::of(qkv, heads);
    let Sizes { tokens, dim, .. } = sizes;
    let batch = shape(qkv)[0];
    let mut output = vec![0.0; batch * tokens * dim];
    output
        .par_chunks_mut((tokens * dim).max(1))
        .zip(numbers(qkv).par_chunks((tokens * 3 * dim).max(1)))
        .for_each_init(
            || vec![0.0; tokens * tokens],
            |weights, (output, sample)| {
                for head in 0..heads {
                    sizes.weights(sample, head, weights);
                    let start = head * sizes.head_dim;
                    ViewMut::new(&mut output[start..], tokens, sizes.head_dim, dim).product(
                        false,
                        1.0,
                        View::dense(weights, tokens, tokens),
                        sizes.part(sample, 2, head),
                        Threads::One,
                    );
                }
            },
        );
    tensor(output, &[batch, tokens, dim])
}

/// With `P` the softmax and `dP = dO Vᵀ`: `dV = Pᵀ dO`, `dS = P ∘ (dP - rowsum(P ∘ dP))`, `dQ = dS K / sqrt(head_dim)`,
/// `dK = dSᵀ Q / sqrt(head_dim)`.
fn backward(qkv: &FlexTensor, grad: &FlexTensor, heads: usize) -> FlexTensor {
    let sizes = Sizes::of(qkv, heads);
    let Sizes { tokens, dim, .. } = sizes;
    let mut output = vec![0.0; numbers(qkv).len()];
    output
        .par_chunks_mut((tokens * 3 * dim).max(1))
        .zip(numbers(qkv).par_chunks((tokens * 3 * dim).max(1)))
        .zip(numbers(grad).par_chunks((tokens * dim).max(1)))
        .for_each_init(
            || (vec![0.0; tokens * tokens], vec![0.0; tokens * tokens]),
            |(weights, scores), ((output, sample), grad)| {
                for head in 0..heads {
                    let joined = sizes.joined(grad, head);
                    sizes.weights(sample, head, weights);
                    let weight_view = View::dense(weights, tokens, tokens);
                    sizes.part_mut(output, 2, head).product(
                        false,
                        1.0,
                        weight_view.transposed(),
                        joined,
                        Threads::One,
                    );
                    ViewMut::dense(scores, tokens, tokens).product(
                        false,
                        1.0,
                        joined,
                        sizes.part(sample, 2, head).transposed(),
                        Threads::One,
                    );
                    through_softmax(scores, weights, tokens);
                    let score_view = View::dense(scores, tokens, tokens);
                    sizes.part_mut(output, 0, head).product(
                        false,
                        sizes.scale(),
                        score_view,
                        sizes.part(sample, 1, head),
                        Threads::One,
                    );
                    sizes.part_mut(output, 1, head).product(
                        false,
                        sizes.scale(),
                        score_view.transposed(),
                        sizes.part(sample, 0, head),
                        Threads::One,
                    );
                }
            },
        );
    tensor(output, &shape(qkv))
}

/// Turns the gradient of the weights into that of the scores, row by row.
fn through_softmax(scores: &mut [f32], weights: &[f32], width: usize) {
    vectorised(|| {
        let rows = scores
            .chunks_exact_mut(width)
            .zip(weights.chunks_exact(width));
        for (scores, weights) in rows {
            let mean = sum(scores, weights, |s, w| s * w);
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score = weight * (*score - mean);
            }
        }
    });
}
