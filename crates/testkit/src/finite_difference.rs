//! Gradients of automatic differentiation against central differences.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use crate::{Tolerance, assert_close};

/// Compares the gradient of a scalar function of a tensor with central differences `(f(x + h) - f(x - h)) / 2h`.
///
/// At most 64 elements are probed, evenly spread. `step` is `h`; for values of order one in single precision, 1e-2
/// balances truncation and cancellation. The error is relative to the largest of the probed derivatives.
///
/// # Panics
/// When the gradient is absent or differs by more than `tolerance`.
pub fn check_gradient<B: AutodiffBackend, const D: usize>(
    function: impl Fn(Tensor<B, D>) -> Tensor<B, 1>,
    at: TensorData,
    step: f64,
    tolerance: Tolerance,
    what: &str,
) -> f64 {
    let _graph = fused_ops::lock_autodiff();
    let device = B::Device::default();
    let shape = at.shape.clone();
    let values: Vec<f64> = at.iter::<f64>().collect();
    let tensor = |values: &[f64]| {
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        Tensor::<B, D>::from_data(TensorData::new(values, shape.clone()), &device)
    };
    let point = tensor(&values).require_grad();
    let gradient = point
        .grad(&function(point.clone()).backward())
        .unwrap_or_else(|| panic!("{what}: the function does not depend on its argument"));
    let gradient: Vec<f64> = gradient.into_data().iter::<f64>().collect();

    let scalar = |values: &[f64]| -> f64 {
        let result = function(tensor(values)).into_data();
        result.iter::<f64>().sum()
    };
    let stride = values.len().div_ceil(64).max(1);
    let (mut analytic, mut numeric) = (Vec::new(), Vec::new());
    for index in (0..values.len()).step_by(stride) {
        let (mut above, mut below) = (values.clone(), values.clone());
        above[index] += step;
        below[index] -= step;
        // The step that really separates the two points, after rounding to single precision.
        let width = f64::from(above[index] as f32) - f64::from(below[index] as f32);
        numeric.push((scalar(&above) - scalar(&below)) / width);
        analytic.push(gradient[index]);
    }
    let count = numeric.len();
    assert_close(
        &TensorData::new(analytic, [count]),
        &TensorData::new(numeric, [count]),
        tolerance,
        what,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FlexBackend;

    fn cubes(x: Tensor<FlexBackend, 1>) -> Tensor<FlexBackend, 1> {
        (x.clone() * x.clone() * x).sum()
    }

    #[test]
    fn a_right_gradient_passes() {
        let at = TensorData::new(vec![1.0f32, -2.0, 0.5], [3]);
        check_gradient(
            cubes,
            at,
            1e-2,
            Tolerance::FINITE_DIFFERENCE,
            "sum of cubes",
        );
    }

    #[test]
    #[should_panic(expected = "broken")]
    fn a_wrong_gradient_fails() {
        let at = TensorData::new(vec![1.0f32, -2.0, 0.5], [3]);
        // Detaching one factor loses a third of the derivative.
        let broken = |x: Tensor<FlexBackend, 1>| (x.clone() * x.clone() * x.detach()).sum();
        check_gradient(broken, at, 1e-2, Tolerance::FINITE_DIFFERENCE, "broken");
    }
}
