//! A cosine classifier: logits are the cosines between features and the weights of the classes.

use super::objective::Problem;

/// The objective in terms of weights of any length, of which only the directions count. `theta` is `[classes, dim]` without
/// biases.
pub(super) fn evaluate(problem: &Problem<'_>, theta: &[f64], gradient: &mut [f64]) -> f64 {
    let dim = problem.table.dim();
    let mut point = unit_rows(theta, dim);
    point.resize(theta.len() + problem.classes, 0.0);
    let mut full = vec![0.0; point.len()];
    let value = problem.evaluate(&point, &mut full);
    // The derivative of w / |w| removes what lies along w.
    for class in 0..problem.classes {
        let span = class * dim..(class + 1) * dim;
        let (unit, by_unit) = (&point[span.clone()], &full[span.clone()]);
        let length = norm(&theta[span.clone()]);
        let along: f64 = unit.iter().zip(by_unit).map(|(u, g)| u * g).sum();
        for ((out, u), g) in gradient[span].iter_mut().zip(unit).zip(by_unit) {
            *out = if length > 0.0 {
                (g - along * u) / length
            } else {
                0.0
            };
        }
    }
    value
}

/// Sums of the rows of every class: the direction at which the search starts.
pub(super) fn class_sums(problem: &Problem<'_>) -> Vec<f64> {
    let dim = problem.table.dim();
    let mut sums = vec![0.0; problem.classes * dim];
    for (row, &label) in problem.labels.iter().enumerate() {
        let z = problem.rows(row, row + 1);
        let sum = &mut sums[label * dim..(label + 1) * dim];
        sum.iter_mut().zip(z).for_each(|(s, z)| *s += z);
    }
    // A sum that is zero has no direction; any other serves.
    for (class, sum) in sums.chunks_exact_mut(dim).enumerate() {
        if norm(sum) == 0.0 {
            sum[class % dim] = 1.0;
        }
    }
    sums
}

/// The rows divided by their lengths; rows of zeros stay so.
pub(super) fn unit_rows(values: &[f64], dim: usize) -> Vec<f64> {
    let mut out = values.to_vec();
    for row in out.chunks_exact_mut(dim.max(1)) {
        let length = norm(row);
        if length > 0.0 {
            row.iter_mut().for_each(|v| *v /= length);
        }
    }
    out
}

fn norm(row: &[f64]) -> f64 {
    row.iter().map(|v| v * v).sum::<f64>().sqrt()
}
