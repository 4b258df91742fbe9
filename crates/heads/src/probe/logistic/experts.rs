//! SADE over frozen features: three experts for three class distributions, aggregated by how well they agree on two views.

use super::{LogisticProbe, softmax};
use crate::HeadError;
use crate::loss::log_prior;
use crate::probe::FeatureTable;

/// The experts of SADE (Zhang et al., "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic Long-Tailed
/// Recognition", NeurIPS 2022): for the training distribution, for equal classes, for the reversed training distribution.
///
/// The paper trains expert `k` by cross-entropy of `v_k + o_k`, with `o_1 = 0`, `o_2 = log π`, `o_3 = log π − λ log π̄`, where `π̄` is
/// `π` with the order of the classes reversed. For a linear classifier on fixed features whose bias is not penalised, that fit is the
/// plain one with `o_k` taken from the bias; so the experts share their weights here, which in the paper they do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Experts {
    /// The experts, all of the same shape.
    pub probes: Vec<LogisticProbe>,
}

/// The prior with the order of the classes reversed: the rarest class gets the share of the most frequent one, and so on. Of classes
/// with equal counts the first keeps its place.
pub(super) fn reversed(counts: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&class| counts[class]);
    let mut reversed = vec![0; counts.len()];
    for (rank, &class) in order.iter().enumerate() {
        reversed[class] = counts[order[counts.len() - 1 - rank]];
    }
    reversed
}

/// The numbers that SADE adds to the logits of its three experts in training.
///
/// # Errors
/// A class without examples, or λ that is not finite.
pub(super) fn offsets(counts: &[usize], lambda: f64) -> Result<[Vec<f64>; 3], HeadError> {
    if !lambda.is_finite() {
        return Err(HeadError::Setting {
            name: "lambda",
            value: lambda.to_string(),
            allowed: "finite".into(),
        });
    }
    let prior = log_prior(counts, 1.0)?;
    let reverse = log_prior(&reversed(counts), lambda)?;
    let third = prior.iter().zip(reverse).map(|(p, r)| p - r).collect();
    Ok([vec![0.0; counts.len()], prior, third])
}

impl Experts {
    /// The three experts from the plain probe of a training set with `counts` rows per class. λ is 2 in the published code.
    ///
    /// # Errors
    /// Counts of another length or with an empty class, λ that is not finite.
    pub fn of(plain: &LogisticProbe, counts: &[usize], lambda: f64) -> Result<Self, HeadError> {
        if counts.len() != plain.classes() {
            return Err(HeadError::Length {
                what: "the class counts",
                expected: plain.classes(),
                found: counts.len(),
            });
        }
        let probes = offsets(counts, lambda)?.map(|offsets| {
            let mut expert = plain.clone();
            expert
                .bias
                .iter_mut()
                .zip(offsets)
                .for_each(|(b, o)| *b -= o);
            expert
        });
        Ok(Self {
            probes: probes.to_vec(),
        })
    }

    /// The probe whose logits are the mean of the experts' with the weights `softmax(weights)`; they are linear, so it is one too.
    ///
    /// # Errors
    /// As many weights as experts are needed.
    pub fn aggregate(&self, weights: &[f64]) -> Result<LogisticProbe, HeadError> {
        let Some(first) = self
            .probes
            .first()
            .filter(|_| weights.len() == self.probes.len())
        else {
            return Err(HeadError::Length {
                what: "the weights of the experts",
                expected: self.probes.len(),
                found: weights.len(),
            });
        };
        let mut mixed = weights.to_vec();
        softmax(&mut mixed);
        let mut sum = first.clone();
        sum.weight.fill(0.0);
        sum.bias.fill(0.0);
        for (share, probe) in mixed.iter().zip(&self.probes) {
            sum.weight
                .iter_mut()
                .zip(&probe.weight)
                .for_each(|(s, w)| *s += share * w);
            sum.bias
                .iter_mut()
                .zip(&probe.bias)
                .for_each(|(s, b)| *s += share * b);
        }
        Ok(sum)
    }

    /// Logits of every expert, each row-major `[rows, classes]`.
    ///
    /// # Errors
    /// As [`LogisticProbe::logits`].
    pub fn logits(&self, table: &FeatureTable) -> Result<Vec<Vec<f64>>, HeadError> {
        self.probes
            .iter()
            .map(|probe| probe.logits(table))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reversed_prior_exchanges_ends() {
        assert_eq!(reversed(&[40, 11, 5, 2]), [2, 5, 11, 40]);
        assert_eq!(reversed(&[5, 40, 2]), [5, 2, 40]);
        let [first, second, third] = offsets(&[3, 1], 2.0).unwrap();
        assert_eq!(first, [0.0, 0.0]);
        assert_eq!(second, [0.75_f64.ln(), 0.25_f64.ln()]);
        assert_eq!(third[0], 0.75_f64.ln() - 2.0 * 0.25_f64.ln());
        assert!(offsets(&[3, 0], 2.0).is_err());
        assert!(offsets(&[3, 1], f64::NAN).is_err());
    }

    #[test]
    fn experts_are_stationary_points_of_their_losses_and_mix_linearly() {
        let labels: Vec<usize> = (0..90)
            .map(|i| usize::from(i >= 60) + usize::from(i >= 80))
            .collect();
        let values: Vec<f32> = labels
            .iter()
            .enumerate()
            .flat_map(|(i, &c)| {
                let noise = |k: usize| ((i * 37 + k * 11) as f32 * 1.3).sin() * 1.5;
                [c as f32 + noise(0), noise(1) - c as f32]
            })
            .collect();
        let config = crate::LogisticConfig {
            tolerance: 1e-10,
            ..crate::LogisticConfig::default()
        };
        let table = FeatureTable::new(&values, 2).unwrap();
        let plain = LogisticProbe::fit(&config, &table, &labels, 3).unwrap();
        let counts = [60, 20, 10];
        let experts = Experts::of(&plain, &counts, 2.0).unwrap();
        for (probe, offsets) in experts.probes.iter().zip(offsets(&counts, 2.0).unwrap()) {
            let mut logits = probe.logits(&table).unwrap();
            let mut gradient = [0.0; 3];
            for (row, &label) in logits.chunks_exact_mut(3).zip(&labels) {
                row.iter_mut().zip(&offsets).for_each(|(v, o)| *v += o);
                softmax(row);
                row[label] -= 1.0;
                gradient
                    .iter_mut()
                    .zip(&*row)
                    .for_each(|(g, p)| *g += p / 90.0);
            }
            assert!(gradient.iter().all(|g| g.abs() < 1e-6), "{gradient:?}");
        }
        let mixed = experts.aggregate(&[0.3, -1.0, 0.8]).unwrap();
        let mut weights = [0.3, -1.0, 0.8];
        softmax(&mut weights);
        let each = experts.logits(&table).unwrap();
        for (at, found) in mixed.logits(&table).unwrap().iter().enumerate() {
            let expected: f64 = weights.iter().zip(&each).map(|(w, v)| w * v[at]).sum();
            assert!((found - expected).abs() < 1e-9);
        }
        assert!(experts.aggregate(&[1.0]).is_err());
        assert!(Experts::of(&plain, &[1, 2], 2.0).is_err());
    }
}
