//! Multinomial logistic regression: the linear probe of the literature, fitted to convergence.
//!
//! Fitted by full-batch L-BFGS and not by a few epochs of SGD: a probe that is not converged measures the optimiser,
//! not the features.

mod branches;
mod cosine;
mod experts;
mod long_tail;
mod objective;
mod row_loss;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::lbfgs::{LbfgsConfig, LbfgsReport, minimise};
use super::table::count_labels;
use super::{FeatureTable, Standardiser};
use crate::HeadError;
use crate::loss::{ClassWeights, ImbalanceLossConfig};
use cosine::{class_sums, unit_rows};
use objective::{BLOCK, Problem, linear, softmax, standardised};
use row_loss::RowLoss;

pub use branches::ResidualBranches;
pub use experts::Experts;

/// Settings of [`LogisticProbe`].
///
/// The objective is `Σ w_y CE / Σ w_y + l2/2 · ‖W‖²`, bias unpenalised; scikit-learn's `C` is `1 / (n · l2)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticConfig {
    /// Strength of the squared penalty on the weights of the standardised features.
    pub l2: f64,
    /// Upper bound on L-BFGS iterations.
    pub max_iterations: usize,
    /// Converged when the largest absolute gradient entry falls to this. Below about 1e-8 rounding of the value stops the
    /// line search first; the report then says so.
    pub tolerance: f64,
    /// Standardise with training statistics (strongly advised, see the module documentation).
    pub standardise: bool,
    /// Weight per class.
    pub class_weights: ClassWeights,
    /// Another loss than cross-entropy. With `Ldam` the classifier is a cosine classifier, as published: rows and weights
    /// of unit length, no bias, no penalty (which would have no effect on directions; `scale` takes its place).
    pub loss: Option<ImbalanceLossConfig>,
    /// Class weights of a second fit that starts where the first ended (deferred re-weighting, Cao et al. 2019).
    pub deferred_weights: ClassWeights,
}

impl Default for LogisticConfig {
    /// L2 1e-3 as in the long-tail experiments, 1000 iterations, tolerance 1e-5, standardised, unweighted.
    fn default() -> Self {
        Self {
            l2: 1e-3,
            max_iterations: 1000,
            tolerance: 1e-5,
            standardise: true,
            class_weights: ClassWeights::None,
            loss: None,
            deferred_weights: ClassWeights::None,
        }
    }
}

/// A fitted multinomial logistic regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticProbe {
    /// Weights over *standardised* features, row-major `[classes, dim]`.
    pub weight: Vec<f64>,
    /// Bias per class.
    pub bias: Vec<f64>,
    /// Training statistics of the features.
    pub standardiser: Standardiser,
    /// Whether standardised features are brought to unit length, so that the logits are scaled cosines.
    pub unit_rows: bool,
    /// How the fit ended.
    pub report: LbfgsReport,
}

impl LogisticProbe {
    /// Fits the probe on `labels` in `0..classes`.
    ///
    /// # Errors
    /// A setting outside its range, labels that do not fit the table or the class list, or a class without examples
    /// (its unpenalised bias would run away).
    pub fn fit(
        config: &LogisticConfig,
        table: &FeatureTable,
        labels: &[usize],
        classes: usize,
    ) -> Result<Self, HeadError> {
        if !(config.l2.is_finite() && config.l2 >= 0.0) {
            return Err(HeadError::Setting {
                name: "l2",
                value: config.l2.to_string(),
                allowed: "0 or above".into(),
            });
        }
        if classes < 2 {
            return Err(HeadError::Setting {
                name: "classes",
                value: classes.to_string(),
                allowed: "2 or above".into(),
            });
        }
        let counts = count_labels(labels, table.rows(), classes)?;
        if let Some(class) = counts.iter().position(|c| *c == 0) {
            return Err(HeadError::EmptyClass { class });
        }
        let class_weights = |weights: &ClassWeights| {
            let resolved = weights.resolve(classes, Some(&counts))?;
            Ok::<_, HeadError>(resolved.unwrap_or_else(|| vec![1.0; classes]))
        };
        let standardiser = if config.standardise {
            Standardiser::fit(table)
        } else {
            Standardiser::identity(table.dim())
        };
        let scale = match config.loss {
            Some(ImbalanceLossConfig::Ldam { scale, .. }) => Some(scale),
            _ => None,
        };
        let mut problem = Problem {
            table,
            labels,
            classes,
            class_weights: class_weights(&config.class_weights)?,
            standardiser: &standardiser,
            l2: if scale.is_some() { 0.0 } else { config.l2 },
            row_loss: RowLoss::new(config.loss.as_ref(), &counts)?,
            unit_rows: scale.is_some(),
        };
        let mut theta = match scale {
            Some(_) => class_sums(&problem),
            None => vec![0.0; classes * (table.dim() + 1)],
        };
        let lbfgs = LbfgsConfig {
            history: 10,
            max_iterations: config.max_iterations,
            tolerance: config.tolerance,
        };
        let search = |problem: &Problem<'_>, theta: &mut Vec<f64>| match scale {
            Some(_) => minimise(theta, &lbfgs, |x, g| cosine::evaluate(problem, x, g)),
            None => minimise(theta, &lbfgs, |x, g| problem.evaluate(x, g)),
        };
        let mut report = search(&problem, &mut theta);
        if config.deferred_weights != ClassWeights::None {
            problem.class_weights = class_weights(&config.deferred_weights)?;
            report = search(&problem, &mut theta);
        }
        let (weight, bias) = match scale {
            Some(scale) => {
                let mut unit = unit_rows(&theta, table.dim());
                unit.iter_mut().for_each(|w| *w *= scale);
                (unit, vec![0.0; classes])
            }
            None => {
                let bias = theta.split_off(classes * table.dim());
                (theta, bias)
            }
        };
        Ok(Self {
            weight,
            bias,
            standardiser,
            unit_rows: scale.is_some(),
            report,
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.bias.len()
    }

    /// Logits, row-major `[rows, classes]`.
    ///
    /// # Errors
    /// [`HeadError::Dimension`] if the table has another dimension than the fitted one.
    pub fn logits(&self, table: &FeatureTable) -> Result<Vec<f64>, HeadError> {
        table.expect_dim("logistic probe", self.standardiser.dim())?;
        let classes = self.classes();
        let mut out = vec![0.0; table.rows() * classes];
        out.par_chunks_mut(BLOCK * classes)
            .enumerate()
            .for_each(|(block, logits)| {
                let rows = logits.len() / classes;
                let mut z = standardised(
                    &self.standardiser,
                    table.block(block * BLOCK, block * BLOCK + rows),
                );
                if self.unit_rows {
                    z = unit_rows(&z, table.dim());
                }
                linear(&z, rows, &self.weight, &self.bias, logits);
            });
        Ok(out)
    }

    /// Class probabilities, row-major `[rows, classes]`; each row sums to 1.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn probabilities(&self, table: &FeatureTable) -> Result<Vec<f64>, HeadError> {
        let mut logits = self.logits(table)?;
        for row in logits.chunks_exact_mut(self.classes()) {
            softmax(row);
        }
        Ok(logits)
    }

    /// The most likely class of each row, the smaller index on a tie.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn predict(&self, table: &FeatureTable) -> Result<Vec<usize>, HeadError> {
        let logits = self.logits(table)?;
        Ok(logits.chunks_exact(self.classes()).map(argmax).collect())
    }
}

/// Index of the largest value, the first on a tie.
fn argmax(row: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in row.iter().enumerate() {
        if *v > row[best] {
            best = i;
        }
    }
    best
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
    fn scaling_a_feature_changes_nothing_when_standardised() {
        let (values, labels) = toy();
        let scaled: Vec<f32> = values
            .iter()
            .enumerate()
            .map(|(i, v)| if i % 3 == 1 { v * 1024.0 } else { *v })
            .collect();
        let config = LogisticConfig {
            tolerance: 1e-8,
            ..LogisticConfig::default()
        };
        let fit = |values: &[f32]| {
            LogisticProbe::fit(&config, &FeatureTable::new(values, 3).unwrap(), &labels, 3).unwrap()
        };
        let (a, b) = (fit(&values), fit(&scaled));
        assert!(a.report.converged && b.report.converged);
        for (x, y) in a.weight.iter().zip(&b.weight) {
            assert!((x - y).abs() < 1e-6, "{x} {y}");
        }
    }

    #[test]
    fn bad_input_is_named() {
        let (values, labels) = toy();
        let table = FeatureTable::new(&values, 3).unwrap();
        let config = LogisticConfig::default();
        let fit = |labels: &[usize], classes| LogisticProbe::fit(&config, &table, labels, classes);
        assert_eq!(
            fit(&labels, 4).unwrap_err(),
            HeadError::EmptyClass { class: 3 }
        );
        assert!(matches!(
            fit(&labels, 2).unwrap_err(),
            HeadError::Label { label: 2, .. }
        ));
        assert!(matches!(
            fit(&labels[1..], 3).unwrap_err(),
            HeadError::Length { .. }
        ));
        assert!(matches!(
            fit(&labels, 1).unwrap_err(),
            HeadError::Setting { .. }
        ));
        let wild = LogisticConfig {
            l2: f64::NAN,
            ..config.clone()
        };
        assert!(LogisticProbe::fit(&wild, &table, &labels, 3).is_err());
        let other = [0.0_f32; 4];
        let probe = fit(&labels, 3).unwrap();
        assert!(matches!(
            probe.predict(&FeatureTable::new(&other, 2).unwrap()),
            Err(HeadError::Dimension { .. })
        ));
    }
}
