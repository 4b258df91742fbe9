//! What is done to a fitted probe where classes are of very different sizes.

use super::LogisticProbe;
use crate::HeadError;

impl LogisticProbe {
    /// Logit adjustment (Menon et al. 2021, "Long-tail learning via logit adjustment", equations 9 and 10): the probe without
    /// `tau * log prior` of the classes of its training set, of which there were `counts`.
    ///
    /// The paper subtracts the prior after an ordinary fit, or adds it inside the loss. For this probe the two are the same: its
    /// bias is not penalised, so the fit inside the loss only ends with a bias that is smaller by the same amount.
    ///
    /// # Errors
    /// `counts` of another length or with an empty class, `tau` that is not finite.
    pub fn logit_adjusted(&self, counts: &[usize], tau: f64) -> Result<Self, HeadError> {
        if counts.len() != self.classes() {
            return Err(HeadError::Length {
                what: "the class counts",
                expected: self.classes(),
                found: counts.len(),
            });
        }
        if let Some(class) = counts.iter().position(|count| *count == 0) {
            return Err(HeadError::EmptyClass { class });
        }
        check_finite("tau", tau)?;
        let all: usize = counts.iter().sum();
        let mut adjusted = self.clone();
        for (bias, &count) in adjusted.bias.iter_mut().zip(counts) {
            *bias -= tau * (count as f64 / all as f64).ln();
        }
        Ok(adjusted)
    }

    /// tau-normalisation (Kang et al. 2020, "Decoupling representation and classifier", equation 5): every class's weights divided
    /// by their norm to the power `tau`, without biases, as published. Classes with many samples have longer weights.
    ///
    /// # Errors
    /// `tau` that is not finite.
    pub fn tau_normalised(&self, tau: f64) -> Result<Self, HeadError> {
        check_finite("tau", tau)?;
        let mut normalised = self.clone();
        normalised.bias.fill(0.0);
        for weights in normalised
            .weight
            .chunks_exact_mut(self.standardiser.dim().max(1))
        {
            let norm = weights.iter().map(|w| w * w).sum::<f64>().sqrt();
            // Weights that are all zero stay so.
            if norm > 0.0 {
                let scale = norm.powf(-tau);
                weights.iter_mut().for_each(|w| *w *= scale);
            }
        }
        Ok(normalised)
    }
}

fn check_finite(name: &'static str, value: f64) -> Result<(), HeadError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(HeadError::Setting {
        name,
        value: value.to_string(),
        allowed: "finite".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeatureTable, LogisticConfig};

    /// Three overlapping classes of 60, 20 and 10 rows, two features.
    fn toy() -> (Vec<f32>, Vec<usize>) {
        let labels: Vec<usize> = (0..90)
            .map(|i| usize::from(i >= 60) + usize::from(i >= 80))
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

    fn fit() -> (LogisticProbe, Vec<f32>, Vec<usize>) {
        let (values, labels) = toy();
        let config = LogisticConfig {
            tolerance: 1e-10,
            ..LogisticConfig::default()
        };
        let table = FeatureTable::new(&values, 2).unwrap();
        let probe = LogisticProbe::fit(&config, &table, &labels, 3).unwrap();
        (probe, values, labels)
    }

    #[test]
    fn adjusting_afterwards_is_adjusting_in_the_loss() {
        let (probe, values, labels) = fit();
        let counts = [60, 20, 10];
        let adjusted = probe.logit_adjusted(&counts, 1.0).unwrap();
        // The loss with the prior added to the adjusted logits is stationary: its mean gradient on the biases vanishes.
        let table = FeatureTable::new(&values, 2).unwrap();
        let mut logits = adjusted.logits(&table).unwrap();
        let mut gradient = [0.0; 3];
        for (row, &label) in logits.chunks_exact_mut(3).zip(&labels) {
            for (logit, count) in row.iter_mut().zip(counts) {
                *logit += (count as f64 / 90.0).ln();
            }
            super::super::objective::softmax(row);
            row[label] -= 1.0;
            for (g, p) in gradient.iter_mut().zip(&*row) {
                *g += p / 90.0;
            }
        }
        assert!(gradient.iter().all(|g| g.abs() < 1e-6), "{gradient:?}");
        // And rare classes are predicted more often than before.
        let predicted = |probe: &LogisticProbe| {
            let found = probe.predict(&table).unwrap();
            found.iter().filter(|class| **class == 2).count()
        };
        assert!(predicted(&adjusted) > predicted(&probe));
        assert_eq!(probe.logit_adjusted(&counts, 0.0).unwrap(), probe);
    }

    #[test]
    fn normalised_weights_have_the_norms_that_tau_says() {
        let (probe, ..) = fit();
        let norms = |probe: &LogisticProbe| -> Vec<f64> {
            let rows = probe.weight.chunks_exact(2);
            rows.map(|w| w[0].hypot(w[1])).collect()
        };
        let before = norms(&probe);
        let unit = probe.tau_normalised(1.0).unwrap();
        assert!(norms(&unit).iter().all(|norm| (norm - 1.0).abs() < 1e-12));
        assert_eq!(unit.bias, [0.0; 3]);
        let half = norms(&probe.tau_normalised(0.5).unwrap());
        for (half, before) in half.iter().zip(before) {
            assert!((half - before.sqrt()).abs() < 1e-12);
        }
        assert_eq!(probe.tau_normalised(0.0).unwrap().weight, probe.weight);
    }

    #[test]
    fn counts_and_taus_that_mean_nothing_are_errors() {
        let (probe, ..) = fit();
        let adjust = |counts: &[usize], tau| probe.logit_adjusted(counts, tau);
        assert!(matches!(
            adjust(&[1, 2], 1.0),
            Err(HeadError::Length { .. })
        ));
        let error = adjust(&[1, 0, 2], 1.0).unwrap_err();
        assert_eq!(error, HeadError::EmptyClass { class: 1 });
        assert!(adjust(&[1, 2, 3], f64::INFINITY).is_err());
        assert!(probe.tau_normalised(f64::NAN).is_err());
    }
}
