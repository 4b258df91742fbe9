//! Learning-rate schedules, evaluated per optimiser step.

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// What follows the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleShape {
    /// The peak rate until the end.
    Constant {},
    /// Half a cosine from the peak to `min_factor` of it (Loshchilov and Hutter 2017, without restarts).
    Cosine {
        /// Factor that is approached at the end, in `[0, 1]`.
        #[serde(default)]
        min_factor: f64,
    },
    /// The rate is multiplied by `gamma` at each milestone (PyTorch's `MultiStepLR` with steps, not epochs).
    MultiStep {
        /// Milestones as fractions of all steps, increasing, in `(0, 1)`.
        milestones: Vec<f64>,
        /// Factor per milestone, in `(0, 1]`.
        gamma: f64,
    },
}

/// A schedule: linear warm-up, then a shape. The factor multiplies the learning rate of every group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Fraction of all steps that the warm-up takes, in `[0, 1)`; rounded to the nearest step.
    #[serde(default)]
    pub warmup: f64,
    /// What follows.
    pub shape: ScheduleShape,
}

impl ScheduleConfig {
    /// The peak rate throughout.
    pub fn constant() -> Self {
        Self {
            warmup: 0.0,
            shape: ScheduleShape::Constant {},
        }
    }

    /// Warm-up over a fraction of the steps, then a cosine to zero.
    pub fn cosine(warmup: f64) -> Self {
        Self {
            warmup,
            shape: ScheduleShape::Cosine { min_factor: 0.0 },
        }
    }

    /// The PANGAEA schedule: a tenth of the rate after 60 % and again after 90 % of the steps.
    pub fn pangaea() -> Self {
        Self {
            warmup: 0.0,
            shape: ScheduleShape::MultiStep {
                milestones: vec![0.6, 0.9],
                gamma: 0.1,
            },
        }
    }

    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn validate(&self) -> Result<(), TrainError> {
        if !(0.0..1.0).contains(&self.warmup) {
            return Err(TrainError::setting(
                "warmup",
                self.warmup,
                "a fraction of all steps, at least 0 and below 1",
            ));
        }
        match &self.shape {
            ScheduleShape::Constant {} => Ok(()),
            ScheduleShape::Cosine { min_factor } if (0.0..=1.0).contains(min_factor) => Ok(()),
            ScheduleShape::Cosine { min_factor } => Err(TrainError::setting(
                "min_factor",
                min_factor,
                "between 0 and 1",
            )),
            ScheduleShape::MultiStep { milestones, gamma } => {
                let increasing = milestones.windows(2).all(|w| w[0] < w[1]);
                let inside = milestones.iter().all(|m| *m > 0.0 && *m < 1.0);
                if milestones.is_empty() || !increasing || !inside {
                    return Err(TrainError::setting(
                        "milestones",
                        format!("{milestones:?}"),
                        "increasing fractions of all steps, above 0 and below 1",
                    ));
                }
                if !(*gamma > 0.0 && *gamma <= 1.0) {
                    return Err(TrainError::setting("gamma", gamma, "above 0 and at most 1"));
                }
                Ok(())
            }
        }
    }

    /// The factor of step `step` (from 0) out of `total`.
    ///
    /// # Equation
    /// With `W = round(warmup · total)`: `(step + 1)/W` for `step < W`, so the first step already moves and the last of
    /// the warm-up has the peak rate. Then, cosine: `m + (1-m)/2 · (1 + cos(π (step-W)/(total-W)))`; multi-step:
    /// `gamma^k` with `k` the milestones `floor(milestone · total)` that are at or before `step`.
    pub fn factor(&self, step: usize, total: usize) -> f64 {
        let warmup = (self.warmup * total as f64).round() as usize;
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        match &self.shape {
            ScheduleShape::Constant {} => 1.0,
            ScheduleShape::Cosine { min_factor } => {
                let span = total.saturating_sub(warmup).max(1) as f64;
                let done = ((step - warmup) as f64 / span).min(1.0);
                min_factor + (1.0 - min_factor) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
            ScheduleShape::MultiStep { milestones, gamma } => {
                let passed = milestones
                    .iter()
                    // The small addend keeps 0.6 · 10 at 6 although 0.6 is not representable.
                    .filter(|m| (**m * total as f64 + 1e-9).floor() as usize <= step)
                    .count();
                gamma.powi(passed as i32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(schedule: &ScheduleConfig, total: usize) -> Vec<f64> {
        (0..total).map(|s| schedule.factor(s, total)).collect()
    }

    fn assert_table(schedule: &ScheduleConfig, expected: &[f64]) {
        schedule.validate().unwrap();
        for (s, (a, e)) in table(schedule, expected.len())
            .iter()
            .zip(expected)
            .enumerate()
        {
            assert!((a - e).abs() < 1e-12, "step {s}: {a} is not {e}");
        }
    }

    #[test]
    fn closed_forms() {
        assert_table(&ScheduleConfig::constant(), &[1.0; 5]);
        // Two warm-up steps of ten, then cos² of multiples of π/16.
        let c = |k: f64| (k * std::f64::consts::PI / 16.0).cos().powi(2);
        let cosine = [
            0.5,
            1.0,
            1.0,
            c(1.0),
            c(2.0),
            c(3.0),
            0.5,
            c(5.0),
            c(6.0),
            c(7.0),
        ];
        assert_table(&ScheduleConfig::cosine(0.2), &cosine);
        let floor = ScheduleConfig {
            warmup: 0.0,
            shape: ScheduleShape::Cosine { min_factor: 0.1 },
        };
        assert_table(&floor, &[1.0, 0.775, 0.325]);
        assert!((floor.factor(2, 4) - 0.55).abs() < 1e-12);
        assert!((floor.factor(4, 4) - 0.1).abs() < 1e-12);
        let steps = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01];
        assert_table(&ScheduleConfig::pangaea(), &steps);
    }

    #[test]
    fn settings_outside_their_range_are_errors() {
        for warmup in [-0.1, 1.0, f64::NAN] {
            assert!(ScheduleConfig::cosine(warmup).validate().is_err());
        }
        for (milestones, gamma) in [
            (vec![], 0.1),
            (vec![0.9, 0.6], 0.1),
            (vec![0.0], 0.1),
            (vec![1.0], 0.1),
            (vec![0.5], 0.0),
            (vec![0.5], f64::NAN),
        ] {
            let shape = ScheduleShape::MultiStep { milestones, gamma };
            assert!(ScheduleConfig { warmup: 0.0, shape }.validate().is_err());
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let parse = |s: &str| serde_json::from_str::<ScheduleConfig>(s);
        assert_eq!(
            parse(r#"{"warmup":0.1,"shape":{"kind":"cosine"}}"#).unwrap(),
            ScheduleConfig::cosine(0.1)
        );
        assert!(parse(r#"{"warm_up":0.1,"shape":{"kind":"cosine"}}"#).is_err());
        assert!(parse(r#"{"shape":{"kind":"cosine","minimum":0.1}}"#).is_err());
        assert!(parse(r#"{"shape":{"kind":"constant","minimum":0.1}}"#).is_err());
    }

    proptest! {
        #[test]
        fn factors_stay_in_the_unit_interval(total in 1_usize..500, warmup in 0.0_f64..0.99) {
            let schedule = ScheduleConfig::cosine(warmup);
            for (s, f) in table(&schedule, total).into_iter().enumerate() {
                prop_assert!((0.0..=1.0).contains(&f), "step {s}: {f}");
                prop_assert!(f > 0.0, "every step moves: {s}");
            }
        }
    }
}
