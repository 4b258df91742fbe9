//! The loss of one row and its gradient by the logits, in f64.

use super::objective::softmax;
use crate::HeadError;
use crate::loss::{ImbalanceLossConfig, ldam_margins, log_prior};

/// What is minimised per row. The formulas are those of [`crate::ImbalanceLoss`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowLoss {
    /// Cross-entropy.
    CrossEntropy,
    /// `(1 − p_y)^γ · −log p_y`.
    Focal { gamma: f64 },
    /// Cross-entropy of `scale · (logits − margin_y e_y)`.
    Margin { margins: Vec<f64>, scale: f64 },
    /// Cross-entropy of `logits + offsets`.
    Offset { offsets: Vec<f64> },
}

impl RowLoss {
    /// The loss of a configuration; without one, cross-entropy.
    pub(super) fn new(
        config: Option<&ImbalanceLossConfig>,
        counts: &[usize],
    ) -> Result<Self, HeadError> {
        let Some(config) = config else {
            return Ok(Self::CrossEntropy);
        };
        config.validate()?;
        Ok(match *config {
            ImbalanceLossConfig::Focal { gamma } => Self::Focal { gamma },
            ImbalanceLossConfig::Ldam { max_margin, scale } => Self::Margin {
                margins: ldam_margins(counts, max_margin)?,
                scale,
            },
            ImbalanceLossConfig::LogitAdjusted { tau } => Self::Offset {
                offsets: log_prior(counts, tau)?,
            },
        })
    }

    /// The loss of a row of logits, which are replaced by its gradient.
    pub(super) fn evaluate(&self, row: &mut [f64], label: usize) -> f64 {
        match self {
            Self::CrossEntropy => cross_entropy(row, label),
            Self::Offset { offsets } => {
                row.iter_mut().zip(offsets).for_each(|(v, o)| *v += o);
                cross_entropy(row, label)
            }
            Self::Margin { margins, scale } => {
                row[label] -= margins[label];
                row.iter_mut().for_each(|v| *v *= scale);
                let loss = cross_entropy(row, label);
                row.iter_mut().for_each(|v| *v *= scale);
                loss
            }
            Self::Focal { gamma } => {
                let nll = cross_entropy(row, label);
                // 1 - p = -expm1(-nll) keeps its digits where p is near 1; below the smallest number the loss is 0.
                let miss = (-(-nll).exp_m1()).max(f64::MIN_POSITIVE);
                // d/dv of (1 - p)^g nll, with p - onehot being d nll / dv and d p / dv = -p d nll / dv.
                let factor =
                    miss.powf(*gamma) + gamma * miss.powf(gamma - 1.0) * (-nll).exp() * nll;
                row.iter_mut().for_each(|v| *v *= factor);
                miss.powf(*gamma) * nll
            }
        }
    }
}

/// `−log p_y`; the row becomes `p − onehot(y)`.
fn cross_entropy(row: &mut [f64], label: usize) -> f64 {
    let target = row[label];
    let log_sum = softmax(row);
    row[label] -= 1.0;
    log_sum - target
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use testkit::Golden;

    use super::super::experts::offsets;
    use super::*;
    use crate::ResidualBranches;

    fn numbers(value: &Value) -> Vec<f64> {
        let list = value.as_array().unwrap();
        list.iter().map(|v| v.as_f64().unwrap()).collect()
    }

    fn indices(value: &Value) -> Vec<usize> {
        numbers(value).iter().map(|v| *v as usize).collect()
    }

    fn close(found: &[f64], expected: &[f64], what: &str) {
        let largest = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        for (f, e) in found.iter().zip(expected) {
            assert!(
                (f - e).abs() <= 1e-12 * largest.max(1e-3),
                "{what}: {f} {e}"
            );
        }
    }

    #[test]
    fn losses_of_rows_equal_pytorch() {
        let golden: Value = Golden::json("heads/long_tail.json");
        let (targets, counts) = (indices(&golden["targets"]), indices(&golden["counts"]));
        for case in golden["losses"].as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            let config: ImbalanceLossConfig = serde_json::from_value(case["loss"].clone()).unwrap();
            let loss = RowLoss::new(Some(&config), &counts).unwrap();
            let weight = |class: usize| match &case["weights"] {
                Value::Null => 1.0,
                list => numbers(list)[class],
            };
            let total: f64 = targets.iter().map(|&class| weight(class)).sum();
            let mut logits = numbers(&case["logits"]);
            let mut value = 0.0;
            for (row, &label) in logits.chunks_exact_mut(counts.len()).zip(&targets) {
                let share = weight(label) / total;
                value += share * loss.evaluate(row, label);
                row.iter_mut().for_each(|v| *v *= share);
            }
            close(&[value], &[case["value"].as_f64().unwrap()], name);
            close(&logits, &numbers(&case["gradient"]), name);
        }
    }

    #[test]
    fn losses_of_branches_and_experts_equal_pytorch() {
        let golden: Value = Golden::json("heads/long_tail.json");
        let (targets, counts) = (indices(&golden["targets"]), indices(&golden["counts"]));
        let lists = |case: &Value, key: &str| -> Vec<Vec<f64>> {
            case[key].as_array().unwrap().iter().map(numbers).collect()
        };
        for case in golden["reslt"].as_array().unwrap() {
            let branches = ResidualBranches {
                beta: case["beta"].as_f64().unwrap(),
                groups: indices(&golden["groups"]),
            };
            let mut logits = lists(case, "logits");
            let [a, b, c] = &mut logits[..] else { panic!() };
            let value = branches.loss([a, b, c], &targets);
            close(&[value], &[case["value"].as_f64().unwrap()], "reslt");
            for (found, expected) in logits.iter().zip(lists(case, "gradient")) {
                close(found, &expected, "reslt gradient");
            }
        }
        let case = &golden["sade"][0];
        let offsets = offsets(&counts, case["tau"].as_f64().unwrap()).unwrap();
        let mut value = 0.0;
        let gradients = lists(case, "gradient");
        for ((mut logits, offsets), expected) in lists(case, "logits")
            .into_iter()
            .zip(offsets)
            .zip(gradients)
        {
            let loss = RowLoss::Offset {
                offsets: offsets.clone(),
            };
            for (row, &label) in logits.chunks_exact_mut(counts.len()).zip(&targets) {
                value += loss.evaluate(row, label) / targets.len() as f64;
                row.iter_mut().for_each(|v| *v /= targets.len() as f64);
            }
            close(&logits, &expected, "sade gradient");
        }
        close(&[value], &[case["value"].as_f64().unwrap()], "sade");
    }
}
