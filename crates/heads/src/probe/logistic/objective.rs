//! Loss, penalty and gradient of multinomial logistic regression, in f64 over blocks of rows.

use rayon::prelude::*;

use super::cosine::unit_rows;
use super::row_loss::RowLoss;
use crate::probe::products::{View, multiply};
use crate::probe::{FeatureTable, Standardiser};

/// Rows that one task works on: large enough for the kernels, small enough to spread over threads.
pub(super) const BLOCK: usize = 512;

/// The objective over one training set.
pub(super) struct Problem<'a> {
    pub(super) table: &'a FeatureTable<'a>,
    pub(super) labels: &'a [usize],
    pub(super) classes: usize,
    pub(super) class_weights: Vec<f64>,
    pub(super) standardiser: &'a Standardiser,
    pub(super) l2: f64,
    pub(super) row_loss: RowLoss,
    /// Whether rows are brought to unit length.
    pub(super) unit_rows: bool,
}

impl Problem<'_> {
    /// The rows `start..end` as the classifier sees them.
    pub(super) fn rows(&self, start: usize, end: usize) -> Vec<f64> {
        let z = standardised(self.standardiser, self.table.block(start, end));
        if self.unit_rows {
            return unit_rows(&z, self.table.dim());
        }
        z
    }

    /// Value at `theta` = `[W (classes x dim), b]`; writes the gradient.
    ///
    /// Blocks run in parallel, but their sums are added in block order, so the result does not depend on the number of
    /// threads.
    pub(super) fn evaluate(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let (dim, classes, rows) = (self.table.dim(), self.classes, self.table.rows());
        let (weight, bias) = theta.split_at(classes * dim);
        let partials: Vec<(f64, f64, Vec<f64>)> = (0..rows.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(rows));
                self.block(start, end, weight, bias)
            })
            .collect();
        gradient.fill(0.0);
        let (mut loss, mut total) = (0.0, 0.0);
        for (block_loss, block_total, block_gradient) in partials {
            loss += block_loss;
            total += block_total;
            for (g, b) in gradient.iter_mut().zip(block_gradient) {
                *g += b;
            }
        }
        gradient.iter_mut().for_each(|g| *g /= total);
        for (g, w) in gradient.iter_mut().zip(weight) {
            *g += self.l2 * w;
        }
        loss / total + 0.5 * self.l2 * weight.iter().map(|w| w * w).sum::<f64>()
    }

    /// Weighted loss, sum of weights and gradient of the rows `start..end`.
    fn block(
        &self,
        start: usize,
        end: usize,
        weight: &[f64],
        bias: &[f64],
    ) -> (f64, f64, Vec<f64>) {
        let (classes, rows) = (self.classes, end - start);
        let z = self.rows(start, end);
        let mut p = vec![0.0; rows * classes];
        linear(&z, rows, weight, bias, &mut p);
        let (mut loss, mut total) = (0.0, 0.0);
        for (row, &label) in p.chunks_exact_mut(classes).zip(&self.labels[start..end]) {
            let w = self.class_weights[label];
            loss += w * self.row_loss.evaluate(row, label);
            total += w;
            row.iter_mut().for_each(|v| *v *= w);
        }
        let gradient = self.gradient_of(&z, rows, &p);
        (loss, total, gradient)
    }

    /// Logits of `rows` rows under `theta` = `[W, b]`.
    pub(super) fn logits(&self, z: &[f64], rows: usize, theta: &[f64]) -> Vec<f64> {
        let (weight, bias) = theta.split_at(self.classes * self.table.dim());
        let mut out = vec![0.0; rows * self.classes];
        linear(z, rows, weight, bias, &mut out);
        out
    }

    /// From the gradient by the logits to that by `theta`.
    pub(super) fn gradient_of(&self, z: &[f64], rows: usize, by_logits: &[f64]) -> Vec<f64> {
        let (dim, classes) = (self.table.dim(), self.classes);
        let mut gradient = vec![0.0; classes * (dim + 1)];
        let (gw, gb) = gradient.split_at_mut(classes * dim);
        multiply(
            View::new(by_logits, rows, classes).transposed(),
            View::new(z, rows, dim),
            gw,
        );
        for row in by_logits.chunks_exact(classes) {
            for (g, v) in gb.iter_mut().zip(row) {
                *g += v;
            }
        }
        gradient
    }
}

/// Standardised f64 copy of consecutive rows.
pub(super) fn standardised(standardiser: &Standardiser, rows: &[f32]) -> Vec<f64> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(standardiser.dim()) {
        out.extend(
            row.iter()
                .zip(&standardiser.mean)
                .zip(&standardiser.std)
                .map(|((x, m), s)| (f64::from(*x) - m) / s),
        );
    }
    out
}

/// `out = z Wᵀ + b`.
pub(super) fn linear(z: &[f64], rows: usize, weight: &[f64], bias: &[f64], out: &mut [f64]) {
    let classes = bias.len();
    let dim = weight.len() / classes;
    multiply(
        View::new(z, rows, dim),
        View::new(weight, classes, dim).transposed(),
        out,
    );
    for row in out.chunks_exact_mut(classes) {
        for (v, b) in row.iter_mut().zip(bias) {
            *v += b;
        }
    }
}

/// Replaces logits by probabilities and returns their log-sum-exp.
pub(super) fn softmax(row: &mut [f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for v in row.iter_mut() {
        *v = (*v - max).exp();
        sum += *v;
    }
    row.iter_mut().for_each(|v| *v /= sum);
    max + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy() -> (Vec<f32>, Vec<usize>) {
        let labels: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let values = labels
            .iter()
            .enumerate()
            .flat_map(|(i, &c)| {
                let noise = |k: usize| ((i * 31 + k * 17) as f32 * 0.7).sin();
                [c as f32 + noise(0), 100.0 * (c as f32 + noise(1)), 5.0]
            })
            .collect();
        (values, labels)
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (values, labels) = toy();
        let table = FeatureTable::new(&values, 3).unwrap();
        let standardiser = Standardiser::fit(&table);
        let problem = Problem {
            table: &table,
            labels: &labels,
            classes: 3,
            class_weights: vec![1.0, 2.0, 0.5],
            standardiser: &standardiser,
            l2: 0.1,
            row_loss: RowLoss::CrossEntropy,
            unit_rows: false,
        };
        let losses = [
            RowLoss::CrossEntropy,
            RowLoss::Focal { gamma: 2.0 },
            RowLoss::Focal { gamma: 0.5 },
            RowLoss::Margin {
                margins: vec![0.5, 0.2, 0.1],
                scale: 4.0,
            },
            RowLoss::Offset {
                offsets: vec![-1.0, 0.3, 0.0],
            },
        ];
        for row_loss in losses {
            let problem = Problem {
                row_loss,
                class_weights: problem.class_weights.clone(),
                ..problem
            };
            check(12, |x, g| problem.evaluate(x, g));
        }
        // Cosines: no bias, no penalty.
        let cosine = Problem {
            row_loss: RowLoss::Margin {
                margins: vec![0.5, 0.2, 0.1],
                scale: 4.0,
            },
            unit_rows: true,
            l2: 0.0,
            class_weights: problem.class_weights.clone(),
            ..problem
        };
        check(9, |x, g| super::super::cosine::evaluate(&cosine, x, g));
    }

    fn check(n: usize, function: impl Fn(&[f64], &mut [f64]) -> f64) {
        let theta: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5).sin()).collect();
        let mut gradient = vec![0.0; n];
        function(&theta, &mut gradient);
        let mut scratch = vec![0.0; n];
        for i in 0..n {
            let at = |delta: f64, scratch: &mut [f64]| {
                let mut moved = theta.clone();
                moved[i] += delta;
                function(&moved, scratch)
            };
            let numeric = (at(1e-6, &mut scratch) - at(-1e-6, &mut scratch)) / 2e-6;
            assert!(
                (numeric - gradient[i]).abs() < 1e-8,
                "{i}: {numeric} {}",
                gradient[i]
            );
        }
    }
}
