//! ResLT over frozen features: three linear branches, of which each is also trained on its own for rarer classes.

use rayon::prelude::*;

use super::objective::{BLOCK, Problem};
use super::row_loss::RowLoss;
use super::{LogisticConfig, LogisticProbe};
use crate::HeadError;
use crate::probe::lbfgs::{LbfgsConfig, minimise};
use crate::probe::table::count_labels;
use crate::probe::{FeatureTable, Standardiser};

/// Residual fusion of branches (Cui et al., "ResLT: Residual Learning for Long-tailed Recognition", TPAMI 2022).
///
/// Branch 0 is for all classes, branch 1 for middle and tail, branch 2 for the tail; the sum of their logits decides.
///
/// # Equation
/// `L = (1 − β) CE(Σ_k v_k) + β Σ_k Σ_{i in k} CE(v_k) / Σ_k n_k`: the second term sums every branch's own cross-entropy over
/// the rows of the classes it is for, and divides by the number of all rows that were counted.
#[derive(Debug, Clone, PartialEq)]
pub struct ResidualBranches {
    /// β, above 0 and below 1: at either end branches or their sum are not determined.
    pub beta: f64,
    /// Per class: 0 head, 1 middle, 2 tail.
    pub groups: Vec<usize>,
}

/// Number of branches.
const BRANCHES: usize = 3;

impl ResidualBranches {
    /// Fits the branches with the penalty of `config` on the weights of each, to convergence, and adds them up: as maps of
    /// the same features they are one linear map. Class weights and loss of `config` are not used.
    ///
    /// # Errors
    /// As [`LogisticProbe::fit`], β outside its range, or groups that do not fit the classes.
    pub fn fit(
        &self,
        config: &LogisticConfig,
        table: &FeatureTable,
        labels: &[usize],
        classes: usize,
    ) -> Result<LogisticProbe, HeadError> {
        self.check(classes)?;
        let counts = count_labels(labels, table.rows(), classes)?;
        if let Some(class) = counts.iter().position(|c| *c == 0) {
            return Err(HeadError::EmptyClass { class });
        }
        let standardiser = if config.standardise {
            Standardiser::fit(table)
        } else {
            Standardiser::identity(table.dim())
        };
        let problem = Problem {
            table,
            labels,
            classes,
            class_weights: Vec::new(),
            standardiser: &standardiser,
            l2: config.l2,
            row_loss: RowLoss::CrossEntropy,
            unit_rows: false,
        };
        let one = classes * (table.dim() + 1);
        let mut theta = vec![0.0; BRANCHES * one];
        let lbfgs = LbfgsConfig {
            history: 10,
            max_iterations: config.max_iterations,
            tolerance: config.tolerance,
        };
        let report = minimise(&mut theta, &lbfgs, |x, g| self.evaluate(&problem, x, g));
        let mut sum = vec![0.0; one];
        for branch in theta.chunks_exact(one) {
            sum.iter_mut().zip(branch).for_each(|(s, v)| *s += v);
        }
        let bias = sum.split_off(classes * table.dim());
        Ok(LogisticProbe {
            weight: sum,
            bias,
            standardiser,
            unit_rows: false,
            report,
        })
    }

    fn check(&self, classes: usize) -> Result<(), HeadError> {
        if !(self.beta > 0.0 && self.beta < 1.0) {
            return Err(HeadError::Setting {
                name: "beta",
                value: self.beta.to_string(),
                allowed: "above 0 and below 1".into(),
            });
        }
        if self.groups.len() != classes {
            return Err(HeadError::Length {
                what: "the groups of the classes",
                expected: classes,
                found: self.groups.len(),
            });
        }
        match self.groups.iter().find(|group| **group >= BRANCHES) {
            Some(group) => Err(HeadError::Setting {
                name: "groups",
                value: group.to_string(),
                allowed: "0 for head, 1 for middle, 2 for tail".into(),
            }),
            None => Ok(()),
        }
    }

    /// Loss of given logits, `[rows, classes]` per branch, which are replaced by its gradient.
    pub fn loss(&self, logits: [&mut [f64]; BRANCHES], labels: &[usize]) -> f64 {
        let classes = self.groups.len();
        let counted = self.counted(labels);
        let [a, b, c] = logits;
        let mut loss = 0.0;
        for (row, &label) in labels.iter().enumerate() {
            let span = row * classes..(row + 1) * classes;
            let rows = [&mut a[span.clone()], &mut b[span.clone()], &mut c[span]];
            loss += self.row(rows, label, labels.len(), counted);
        }
        loss
    }

    /// Rows that the branches' own losses count.
    fn counted(&self, labels: &[usize]) -> usize {
        labels.iter().map(|&label| self.groups[label] + 1).sum()
    }

    /// The share of one row in the loss; its logits become the gradient.
    fn row(
        &self,
        logits: [&mut [f64]; BRANCHES],
        label: usize,
        rows: usize,
        counted: usize,
    ) -> f64 {
        let mut fused: Vec<f64> = (0..self.groups.len())
            .map(|class| logits.iter().map(|branch| branch[class]).sum())
            .collect();
        let fusion = (1.0 - self.beta) / rows as f64;
        let own = self.beta / counted as f64;
        let mut loss = fusion * RowLoss::CrossEntropy.evaluate(&mut fused, label);
        for (branch, values) in logits.into_iter().enumerate() {
            let share = if self.groups[label] >= branch {
                loss += own * RowLoss::CrossEntropy.evaluate(values, label);
                own
            } else {
                0.0
            };
            for (value, f) in values.iter_mut().zip(&fused) {
                *value = if share > 0.0 { share * *value } else { 0.0 } + fusion * f;
            }
        }
        loss
    }

    fn evaluate(&self, problem: &Problem<'_>, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let (classes, dim, rows) = (problem.classes, problem.table.dim(), problem.table.rows());
        let one = classes * (dim + 1);
        let counted = self.counted(problem.labels);
        let partials: Vec<(f64, Vec<f64>)> = (0..rows.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(rows));
                let z = problem.rows(start, end);
                let mut logits: Vec<Vec<f64>> = theta
                    .chunks_exact(one)
                    .map(|branch| problem.logits(&z, end - start, branch))
                    .collect();
                let mut loss = 0.0;
                if let [a, b, c] = &mut logits[..] {
                    let labels = &problem.labels[start..end];
                    let spans = a.chunks_exact_mut(classes).zip(b.chunks_exact_mut(classes));
                    let spans = spans.zip(c.chunks_exact_mut(classes)).zip(labels);
                    for (((a, b), c), &label) in spans {
                        loss += self.row([a, b, c], label, rows, counted);
                    }
                }
                let mut partial = Vec::with_capacity(BRANCHES * one);
                for by_logits in &logits {
                    partial.extend(problem.gradient_of(&z, end - start, by_logits));
                }
                (loss, partial)
            })
            .collect();
        gradient.fill(0.0);
        let mut loss = 0.0;
        for (part, by_theta) in partials {
            loss += part;
            gradient.iter_mut().zip(by_theta).for_each(|(g, p)| *g += p);
        }
        for (values, branch) in gradient.chunks_exact_mut(one).zip(theta.chunks_exact(one)) {
            for (g, w) in values.iter_mut().zip(&branch[..classes * dim]) {
                *g += problem.l2 * w;
                loss += 0.5 * problem.l2 * w * w;
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy() -> (Vec<f32>, Vec<usize>) {
        let labels: Vec<usize> = (0..60)
            .map(|i| usize::from(i >= 40) + usize::from(i >= 54))
            .collect();
        let values = labels
            .iter()
            .enumerate()
            .flat_map(|(i, &c)| {
                let noise = |k: usize| ((i * 37 + k * 11) as f32 * 1.3).sin() * 1.5;
                [c as f32 + noise(0), noise(1) - c as f32]
            })
            .collect();
        (values, labels)
    }

    #[test]
    fn the_gradient_matches_finite_differences() {
        let (values, labels) = toy();
        let table = FeatureTable::new(&values, 2).unwrap();
        let standardiser = Standardiser::fit(&table);
        let problem = Problem {
            table: &table,
            labels: &labels,
            classes: 3,
            class_weights: Vec::new(),
            standardiser: &standardiser,
            l2: 0.1,
            row_loss: RowLoss::CrossEntropy,
            unit_rows: false,
        };
        let branches = ResidualBranches {
            beta: 0.7,
            groups: vec![0, 1, 2],
        };
        let theta: Vec<f64> = (0..27).map(|i| (i as f64).sin()).collect();
        let mut gradient = vec![0.0; 27];
        branches.evaluate(&problem, &theta, &mut gradient);
        let mut scratch = vec![0.0; 27];
        for i in 0..27 {
            let mut at = |delta: f64| {
                let mut moved = theta.clone();
                moved[i] += delta;
                branches.evaluate(&problem, &moved, &mut scratch)
            };
            let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!(
                (numeric - gradient[i]).abs() < 1e-8,
                "{i}: {numeric} {}",
                gradient[i]
            );
        }
    }

    #[test]
    fn it_converges_and_refuses_what_is_not_determined() {
        let (values, labels) = toy();
        let table = FeatureTable::new(&values, 2).unwrap();
        let config = LogisticConfig::default();
        let fit = |beta, groups: &[usize]| {
            let branches = ResidualBranches {
                beta,
                groups: groups.to_vec(),
            };
            branches.fit(&config, &table, &labels, 3)
        };
        let probe = fit(0.9, &[0, 1, 2]).unwrap();
        assert!(probe.report.converged);
        // Branches of their own for rare classes raise how often these are predicted.
        let plain = LogisticProbe::fit(&config, &table, &labels, 3).unwrap();
        let rare = |probe: &LogisticProbe| {
            let found = probe.predict(&table).unwrap();
            found.iter().filter(|class| **class == 2).count()
        };
        assert!(rare(&probe) >= rare(&plain));
        assert!(fit(1.0, &[0, 1, 2]).is_err());
        assert!(fit(0.0, &[0, 1, 2]).is_err());
        assert!(fit(0.5, &[0, 1]).is_err());
        assert!(fit(0.5, &[0, 1, 3]).is_err());
    }
}
