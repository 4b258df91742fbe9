//! Bilinear resizing and adaptive average pooling of maps.
//!
//! Both are linear and separable: rows and columns are mixed by one constant matrix each. As two matrix products they run, with
//! their gradients, on every backend; burn's own bilinear interpolation has no backward pass on ndarray.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// Resizes maps `[batch, channels, height, width]` to `[batch, channels, size[0], size[1]]` between pixel centres, as PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)` does.
pub fn bilinear<B: Backend>(maps: Tensor<B, 4>, size: [usize; 2]) -> Tensor<B, 4> {
    separable(maps, size, bilinear_weights)
}

/// Means over windows that divide the map into `size[0] x size[1]` parts, as PyTorch's `AdaptiveAvgPool2d` does: part i of n over m
/// pixels covers the pixels from `floor(i m / n)` to before `ceil((i + 1) m / n)`, so that parts overlap or repeat where n does
/// not divide m.
///
/// # Shapes
/// - `maps`: `[batch, channels, height, width]`
/// - result: `[batch, channels, size[0], size[1]]`
pub fn adaptive_average_pool<B: Backend>(maps: Tensor<B, 4>, size: [usize; 2]) -> Tensor<B, 4> {
    separable(maps, size, average_weights)
}

fn separable<B: Backend>(
    maps: Tensor<B, 4>,
    [to_height, to_width]: [usize; 2],
    weights: fn(usize, usize) -> Vec<f32>,
) -> Tensor<B, 4> {
    let [batch, channels, height, width] = maps.dims();
    if [height, width] == [to_height, to_width] {
        return maps;
    }
    let device = maps.device();
    let matrix = |to: usize, from: usize| {
        let data = TensorData::new(weights(to, from), [1, to, from]);
        Tensor::<B, 3>::from_data(data, &device)
    };
    // Columns: every row of every map is multiplied by the transposed matrix at once.
    let columns = maps
        .reshape([1, batch * channels * height, width])
        .matmul(matrix(to_width, width).swap_dims(1, 2))
        .reshape([batch * channels, height, to_width]);
    matrix(to_height, height)
        .expand([batch * channels, to_height, height])
        .matmul(columns)
        .reshape([batch, channels, to_height, to_width])
}

/// `[to, from]`, row-major: pixel centre i of the result lies at `(i + 1/2) from / to - 1/2`; outside, the border value stands.
fn bilinear_weights(to: usize, from: usize) -> Vec<f32> {
    let mut weights = vec![0.0; to * from];
    let scale = from as f64 / to as f64;
    for row in 0..to {
        let place = (scale * (row as f64 + 0.5) - 0.5).max(0.0);
        let low = (place as usize).min(from - 1);
        let high = (low + 1).min(from - 1);
        let share = (place - low as f64) as f32;
        weights[row * from + low] += 1.0 - share;
        weights[row * from + high] += share;
    }
    weights
}

/// `[to, from]`, row-major: the mean over part i.
fn average_weights(to: usize, from: usize) -> Vec<f32> {
    let mut weights = vec![0.0; to * from];
    for row in 0..to {
        let (first, end) = (row * from / to, ((row + 1) * from).div_ceil(to));
        weights[row * from + first..row * from + end].fill(1.0 / (end - first) as f32);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_every_result_sum_to_one() {
        for (to, from) in [(1, 1), (3, 7), (7, 3), (6, 2), (2, 6), (56, 14), (14, 224)] {
            for weights in [bilinear_weights(to, from), average_weights(to, from)] {
                for row in weights.chunks(from) {
                    assert!(
                        (row.iter().sum::<f32>() - 1.0).abs() < 1e-6,
                        "{to} of {from}"
                    );
                }
            }
        }
    }

    #[test]
    fn parts_overlap_where_they_do_not_divide_the_map() {
        // Two parts of three pixels share the one in the middle.
        assert_eq!(average_weights(2, 3), [0.5, 0.5, 0.0, 0.0, 0.5, 0.5]);
        // More parts than pixels: pixels repeat.
        assert_eq!(average_weights(3, 2), [1.0, 0.0, 0.5, 0.5, 0.0, 1.0]);
    }

    #[test]
    fn doubling_lies_a_quarter_between_the_centres() {
        assert_eq!(
            bilinear_weights(4, 2),
            [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0]
        );
    }
}
