//! Splitting the fused query-key-value map into heads, and joining heads again.
//!
//! Both are permutations. Most backends are asked for just that; flex copies a permuted tensor of four axes number by
//! number (about 5 ns each), so there the same permutation is a selection of rows, which flex copies whole. For 64 tokens
//! of width 192 this halves the time of the attention product in inference and takes a quarter off it in training.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

/// `[batch, tokens, 3 dim]`, ordered (map, head, head_dim), to queries, keys and values `[batch, heads, tokens, head_dim]`.
pub(crate) fn split<B: Backend>(qkv: Tensor<B, 3>, heads: usize) -> [Tensor<B, 4>; 3] {
    let [batch, tokens, width] = qkv.dims();
    let head_dim = width / (3 * heads);
    if copies_rows::<B>(&qkv.device()) {
        let rows = qkv.reshape([batch * tokens * 3 * heads, head_dim]);
        return [0, 1, 2].map(|part| {
            let index = order(batch, heads, tokens, |b, h, t| {
                ((b * tokens + t) * 3 + part) * heads + h
            });
            select(rows.clone(), index).reshape([batch, heads, tokens, head_dim])
        });
    }
    // The fused axis seen as 3·heads heads: a part is a range of them.
    let all = qkv
        .reshape([batch, tokens, 3 * heads, head_dim])
        .swap_dims(1, 2);
    [0, 1, 2].map(|part| all.clone().narrow(1, part * heads, heads))
}

/// `[batch, heads, tokens, head_dim]` to `[batch, tokens, heads * head_dim]`.
pub(crate) fn join<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 3> {
    let [batch, heads, tokens, head_dim] = x.dims();
    if heads > 1 && copies_rows::<B>(&x.device()) {
        let index = order(batch, tokens, heads, |b, t, h| (b * heads + h) * tokens + t);
        let rows = x.reshape([batch * heads * tokens, head_dim]);
        return select(rows, index).reshape([batch, tokens, heads * head_dim]);
    }
    x.swap_dims(1, 2).reshape([batch, tokens, heads * head_dim])
}

/// Whether the backend copies rows faster than it permutes axes.
fn copies_rows<B: Backend>(device: &B::Device) -> bool {
    B::name(device).contains("flex")
}

/// Row numbers for the output axes `(batch, outer, inner)`.
fn order(
    batch: usize,
    outer: usize,
    inner: usize,
    row: impl Fn(usize, usize, usize) -> usize,
) -> Vec<i32> {
    let mut index = Vec::with_capacity(batch * outer * inner);
    for b in 0..batch {
        for o in 0..outer {
            index.extend((0..inner).map(|i| row(b, o, i) as i32));
        }
    }
    index
}

fn select<B: Backend>(rows: Tensor<B, 2>, index: Vec<i32>) -> Tensor<B, 2> {
    let count = index.len();
    let index = Tensor::<B, 1, Int>::from_data(TensorData::new(index, [count]), &rows.device());
    rows.select(0, index)
}
