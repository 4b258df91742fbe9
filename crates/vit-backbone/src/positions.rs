//! Positions of patches: the learned table, the fixed sine-cosine table, and resampling to other grids.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// The position table of a model, `[1, rows, dim]`: rows of prefix tokens first, then the patch grid row by row.
#[derive(Module, Debug)]
pub enum PositionTable<B: Backend> {
    /// A trained table.
    Learned(Param<Tensor<B, 3>>),
    /// A constant table: no optimiser sees it and no record stores it.
    Fixed(Tensor<B, 3>),
}

impl<B: Backend> PositionTable<B> {
    /// The table, `[1, rows, dim]`.
    pub fn table(&self) -> Tensor<B, 3> {
        match self {
            Self::Learned(table) => table.val(),
            Self::Fixed(table) => table.clone(),
        }
    }

    /// The table split into the rows of `prefix` tokens (`[1, prefix, dim]`, `None` when there are none) and those of
    /// the patches (`[1, rows * columns, dim]`), resampled to `to` when that differs from `from` (`[rows, columns]` each).
    pub fn rows(
        &self,
        prefix: usize,
        from: [usize; 2],
        to: [usize; 2],
    ) -> (Option<Tensor<B, 3>>, Tensor<B, 3>) {
        let table = self.table();
        let total = table.dims()[1];
        if prefix == 0 {
            return (None, resample(table, from, to));
        }
        let head = table.clone().narrow(1, 0, prefix);
        (
            Some(head),
            resample(table.narrow(1, prefix, total - prefix), from, to),
        )
    }
}

/// Resamples patch positions `[1, from[0] * from[1], dim]` to another grid as timm's `resample_abs_pos_embed` does:
/// antialiased bicubic interpolation, separately along both axes. Differentiable.
fn resample<B: Backend>(table: Tensor<B, 3>, from: [usize; 2], to: [usize; 2]) -> Tensor<B, 3> {
    if from == to {
        return table;
    }
    let dim = table.dims()[2];
    let device = table.device();
    let matrix = |from: usize, to: usize| {
        Tensor::<B, 2>::from_data(
            TensorData::new(resample_matrix(from, to), [to, from]),
            &device,
        )
    };
    let rows = matrix(from[0], to[0]).matmul(table.reshape([from[0], from[1] * dim]));
    let columns = matrix(from[1], to[1])
        .unsqueeze::<3>()
        .expand([to[0], to[1], from[1]]);
    columns
        .matmul(rows.reshape([to[0], from[1], dim]))
        .reshape([1, to[0] * to[1], dim])
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
            .map(|i| cubic((i as f64 - centre + 0.5) / stretch))
            .collect();
        let total: f64 = weights.iter().sum();
        for (i, weight) in (first..last).zip(weights) {
            row[i] = (weight / total) as f32;
        }
    }
    matrix
}

/// Keys' cubic convolution kernel with `a = -0.5`.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}

/// The fixed table of MAE (`get_2d_sincos_pos_embed`), row-major `[rows * columns, dim]` for a `[rows, columns]` grid.
///
/// With `ω_i = 10000^(-i / (dim/4))`, a patch at row `y` and column `x` gets
/// `[sin(x ω), cos(x ω), sin(y ω), cos(y ω)]`, each `dim / 4` numbers: the column comes first.
pub fn sin_cos_2d(dim: usize, grid: [usize; 2]) -> Vec<f32> {
    let quarter = dim / 4;
    let omega: Vec<f64> = (0..quarter)
        .map(|i| 10_000f64.powf(-(i as f64) / quarter as f64))
        .collect();
    let mut table = Vec::with_capacity(grid[0] * grid[1] * dim);
    for y in 0..grid[0] {
        for x in 0..grid[1] {
            for position in [x, y] {
                table.extend(omega.iter().map(|w| (position as f64 * w).sin() as f32));
                table.extend(omega.iter().map(|w| (position as f64 * w).cos() as f32));
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_weights_sum_to_one_and_the_same_size_is_the_identity() {
        for (from, to) in [(4, 4), (4, 7), (7, 3), (14, 16), (1, 5), (5, 1)] {
            for row in resample_matrix(from, to).chunks_exact(from) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
        let identity = resample_matrix(5, 5);
        for (i, value) in identity.iter().enumerate() {
            assert_eq!(*value, if i / 5 == i % 5 { 1.0 } else { 0.0 });
        }
    }

    #[test]
    fn sin_cos_puts_the_column_first() {
        let table = sin_cos_2d(8, [2, 3]);
        let row = &table[(3 + 2) * 8..(3 + 3) * 8]; // y = 1, x = 2
        let expected = [
            2f64.sin(),
            0.02f64.sin(),
            2f64.cos(),
            0.02f64.cos(),
            1f64.sin(),
            0.01f64.sin(),
            1f64.cos(),
            0.01f64.cos(),
        ];
        for (found, expected) in row.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-7);
        }
    }
}
