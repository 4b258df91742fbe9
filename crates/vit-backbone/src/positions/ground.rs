//! Positions in units of ground distance (Scale-MAE).

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// Sine-cosine positions whose places are patch numbers times the size of a pixel on the ground (Scale-MAE, Reed et al.
/// 2023, equation 2): the same place on the ground has nearly the same position at every scale.
#[derive(Module, Clone, Debug)]
pub struct GroundPositions {
    /// Width of a position.
    pub dim: usize,
    /// Size of a pixel, in metres as the published code counts it: one number for all images, or one per image of a batch.
    #[module(skip)]
    pub resolutions: Vec<f64>,
}

impl GroundPositions {
    /// Positions `[n, rows * columns, dim]` for `n` resolutions: [`sin_cos_2d`](crate::sin_cos_2d) with places scaled.
    pub(crate) fn rows<B: Backend>(&self, grid: [usize; 2], device: &B::Device) -> Tensor<B, 3> {
        let [rows, columns] = grid;
        let mut values = Vec::with_capacity(self.resolutions.len() * rows * columns * self.dim);
        let omega: Vec<f32> = single_precision_frequencies(self.dim / 4).collect();
        for resolution in &self.resolutions {
            let resolution = *resolution as f32;
            for y in 0..rows {
                for x in 0..columns {
                    for place in [x as f32 * resolution, y as f32 * resolution] {
                        let angle = |w: &f32| f64::from(place * w);
                        values.extend(omega.iter().map(|w| angle(w).sin() as f32));
                        values.extend(omega.iter().map(|w| angle(w).cos() as f32));
                    }
                }
            }
        }
        let shape = [self.resolutions.len(), rows * columns, self.dim];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// `1 / 10000^(i / count)`. In single precision like the published code: with large pixels an angle is many turns, and the
/// rounding of the frequency shows in its sine.
pub(crate) fn single_precision_frequencies(count: usize) -> impl Iterator<Item = f32> {
    (0..count).map(move |i| 1.0 / 10_000f32.powf(i as f32 / count as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolution_one_is_the_table_of_mae() {
        let ground = GroundPositions {
            dim: 16,
            resolutions: vec![1.0, 2.0],
        };
        let found = ground
            .rows::<burn_flex::Flex>([3, 4], &Default::default())
            .into_data();
        let found: Vec<f32> = found.iter::<f32>().collect();
        let table = crate::sin_cos_2d(16, [3, 4]);
        for (a, b) in found.iter().zip(&table) {
            assert!((a - b).abs() < 1e-6);
        }
        // Twice the pixel size: the patch in column 1 stands where column 2 stood.
        let second = &found[12 * 16..];
        for i in 0..8 {
            assert!((second[16 + i] - table[32 + i]).abs() < 1e-6);
        }
    }
}
