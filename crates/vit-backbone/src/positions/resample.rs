//! Resampling a position table to another grid, separately along both axes.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::Interpolation;

/// Resamples patch positions `[1, from[0] * from[1], dim]` to another grid. Differentiable.
pub(super) fn resample<B: Backend>(
    table: Tensor<B, 3>,
    from: [usize; 2],
    to: [usize; 2],
    how: Interpolation,
) -> Tensor<B, 3> {
    if from == to {
        return table;
    }
    let dim = table.dims()[2];
    let device = table.device();
    let dtype = table.dtype();
    let matrix = |from: usize, to: usize| {
        Tensor::<B, 2>::from_data(TensorData::new(matrix(from, to, how), [to, from]), &device)
    };
    // In the backend's own precision, whatever that of the table, and rounded once.
    let rows = matrix(from[0], to[0]);
    let table = table.cast(rows.dtype());
    let rows = rows.matmul(table.reshape([from[0], from[1] * dim]));
    let columns = matrix(from[1], to[1])
        .unsqueeze::<3>()
        .expand([to[0], to[1], from[1]]);
    columns
        .matmul(rows.reshape([to[0], from[1], dim]))
        .reshape([1, to[0] * to[1], dim])
        .cast(dtype)
}

/// The matrix of one axis, `to` rows by `from` columns.
fn matrix(from: usize, to: usize, how: Interpolation) -> Vec<f32> {
    let size = from as f64;
    match how {
        Interpolation::Antialiased => resample_matrix(from, to),
        Interpolation::Bicubic => bicubic_matrix(from, to, size / to as f64, 0.5),
        Interpolation::BicubicOffset => bicubic_matrix(from, to, size / (to as f64 + 0.1), 0.5),
        Interpolation::BicubicCorners => {
            let scale = if to > 1 {
                (size - 1.0) / (to as f64 - 1.0)
            } else {
                0.0
            };
            bicubic_matrix(from, to, scale, 0.0)
        }
    }
}

/// The matrix, `to` rows by `from` columns, of one-dimensional antialiased bicubic interpolation as PyTorch's
/// `interpolate(mode="bicubic", antialias=True, align_corners=False)` has it.
///
/// The kernel is Keys' cubic with `a = -0.5` (Keys 1981, equation 4), stretched by the scale when shrinking; weights are
/// normalised to sum to one, which also handles the border.
pub fn resample_matrix(from: usize, to: usize) -> Vec<f32> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    let mut matrix = vec![0.0; from * to];
    for (out, row) in matrix.chunks_exact_mut(from).enumerate() {
        let centre = scale * (out as f64 + 0.5);
        let first = (centre - support + 0.5).max(0.0) as usize;
        let last = ((centre + support + 0.5) as usize).min(from);
        let weights: Vec<f64> = (first..last)
            .map(|i| cubic((i as f64 - centre + 0.5) / stretch, -0.5))
            .collect();
        let total: f64 = weights.iter().sum();
        for (i, weight) in (first..last).zip(weights) {
            row[i] = (weight / total) as f32;
        }
    }
    matrix
}

/// The matrix, `to` rows by `from` columns, of PyTorch's `interpolate(mode="bicubic")` without antialiasing, whose sample
/// points are `scale` apart; samples lie `offset` behind their number (half a sample, or with `align_corners` none).
///
/// The kernel is Keys' cubic with `a = -0.75` and is never stretched; beyond the border the outermost sample is repeated.
fn bicubic_matrix(from: usize, to: usize, scale: f64, offset: f64) -> Vec<f32> {
    let mut matrix = vec![0.0; from * to];
    for (out, row) in matrix.chunks_exact_mut(from).enumerate() {
        let centre = scale * (out as f64 + offset) - offset;
        let first = centre.floor() - 1.0;
        for tap in 0..4 {
            let place = first + f64::from(tap);
            let sample = place.clamp(0.0, (from - 1) as f64) as usize;
            row[sample] += cubic(place - centre, -0.75) as f32;
        }
    }
    matrix
}

/// Keys' cubic convolution kernel with the slope `a` at distance one (Keys 1981, equation 4).
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Interpolation; 4] = [
        Interpolation::Antialiased,
        Interpolation::Bicubic,
        Interpolation::BicubicOffset,
        Interpolation::BicubicCorners,
    ];

    #[test]
    fn interpolation_weights_sum_to_one() {
        for how in ALL {
            for (from, to) in [(4, 4), (4, 7), (7, 3), (14, 16), (1, 5), (5, 1)] {
                for row in matrix(from, to, how).chunks_exact(from) {
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{how:?}");
                }
            }
        }
    }

    #[test]
    fn the_same_size_is_the_identity_unless_offset() {
        for how in ALL {
            let identity = matrix(5, 5, how)
                .iter()
                .enumerate()
                .all(|(i, value)| *value == if i / 5 == i % 5 { 1.0 } else { 0.0 });
            assert_eq!(identity, how != Interpolation::BicubicOffset, "{how:?}");
        }
    }
}
