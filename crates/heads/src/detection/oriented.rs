//! Oriented boxes as tensors, from what a place says about its box.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// Shorter sides, in the unit of the distances, are read as this long: the divergence of a box without area is infinite. mmrotate's limit is 1e-7,
/// whose square leaves single precision too few digits.
const SMALLEST_SIDE: f64 = 1e-3;
/// Longer sides are read as this long.
const LARGEST_SIDE: f64 = 1e7;

/// Boxes around the locations that answer for them.
#[derive(Debug, Clone)]
pub(super) struct Oriented<B: Backend> {
    pub(super) x: Tensor<B, 1>,
    pub(super) y: Tensor<B, 1>,
    pub(super) width: Tensor<B, 1>,
    pub(super) height: Tensor<B, 1>,
    pub(super) angle: Tensor<B, 1>,
}

impl<B: Backend> Oriented<B> {
    /// Of distances `[boxes, 4]` (left, top, right, bottom in the frame of the box) and angles `[boxes]`.
    pub(super) fn new(distances: &Tensor<B, 2>, angle: &Tensor<B, 1>) -> Self {
        let side = |k: usize| distances.clone().narrow(1, k, 1).squeeze_dim::<1>(1);
        let (l, t, r, b) = (side(0), side(1), side(2), side(3));
        let length = |sum: Tensor<B, 1>| sum.clamp(SMALLEST_SIDE, LARGEST_SIDE);
        let (along, across) = ((r.clone() - l.clone()) * 0.5, (b.clone() - t.clone()) * 0.5);
        let (cos, sin) = (angle.clone().cos(), angle.clone().sin());
        Self {
            x: cos.clone() * along.clone() - sin.clone() * across.clone(),
            y: sin * along + cos * across,
            width: length(l + r),
            height: length(t + b),
            angle: angle.clone(),
        }
    }
}
