//! The objective of the fourth step, on the host: the mean distance between what a model gives and the calibrated targets.
//!
//! A training loop computes it with tensors; this is the value and the gradient to check that against.

use clustering::Scalar;

use crate::error::CalibError;
use crate::means::distance;
use crate::table::Features;

/// `1 / n Σ ‖g(f(x)) − z̃‖` (a norm, not its square, as printed), and its gradient by the outputs, `[n, dim]` row-major. Where an
/// output lies on its target the gradient is 0, one of the subgradients there.
///
/// # Errors
/// When the two tables differ in shape, are empty or not finite.
pub fn calibration_objective<T: Scalar>(
    outputs: &[T],
    targets: &[T],
    dim: usize,
) -> Result<(f64, Vec<T>), CalibError> {
    let outputs = Features::new("the table of outputs", outputs, dim)?;
    let targets = Features::new("the table of targets", targets, dim)?;
    if outputs.rows() != targets.rows() {
        return Err(CalibError::Length {
            what: "the table of outputs",
            expected: format!("{} rows of {dim}, as the targets", targets.rows()),
            found: outputs.values().len(),
        });
    }
    let n = outputs.rows() as f64;
    let mut sum = 0.0;
    let mut gradient = Vec::with_capacity(outputs.values().len());
    for row in 0..outputs.rows() {
        let (g, z) = (outputs.row(row), targets.row(row));
        let norm = distance(g, z);
        sum += norm;
        gradient.extend(g.iter().zip(z).map(|(g, z)| {
            if norm > 0.0 {
                T::from_f64((g.to_f64() - z.to_f64()) / (norm * n))
            } else {
                T::from_f64(0.0)
            }
        }));
    }
    Ok((sum / n, gradient))
}
