//! Sums over rows in a fixed order: blocks of a fixed height in parallel, then the blocks one after the other.

use rayon::prelude::*;

use crate::math::vectorised;

/// Rows per block.
pub(crate) const BLOCK: usize = 64;

/// Sum of the rows of a matrix with `width` columns.
pub(crate) fn sum_of_rows(matrix: &[f32], width: usize) -> Vec<f32> {
    let partial = matrix
        .par_chunks(BLOCK * width)
        .map(|block| {
            vectorised(|| {
                let mut sum = vec![0.0; width];
                for row in block.chunks_exact(width) {
                    add(&mut sum, row);
                }
                sum
            })
        })
        .collect();
    in_order(partial, width)
}

/// Adds partial sums one after the other.
pub(crate) fn in_order(partial: Vec<Vec<f32>>, width: usize) -> Vec<f32> {
    partial.iter().fold(vec![0.0; width], |mut sum, part| {
        add(&mut sum, part);
        sum
    })
}

#[inline(always)]
fn add(sum: &mut [f32], row: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += value;
    }
}
