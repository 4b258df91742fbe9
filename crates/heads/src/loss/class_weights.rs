//! How much each class counts in a loss.

use serde::{Deserialize, Serialize};

use crate::HeadError;

/// The weight of each class, before the normalisation by the sum of weights that every weighted mean here makes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every class counts 1.
    #[default]
    None,
    /// `n / (classes * n_c)`: every class contributes the same total (scikit-learn's `balanced`).
    Balanced,
    /// One weight per class, in class order.
    List(Vec<f64>),
    /// `(1 - beta) / (1 - beta^n_c)`, the inverse of the effective number of samples (Cui et al. 2019, "Class-balanced loss",
    /// equation 2): every class counts the same at `beta` 0, inversely to its size as `beta` nears 1.
    Effective {
        /// 0 to below 1; the paper uses 0.9 to 0.9999.
        beta: f64,
    },
}

impl ClassWeights {
    /// The weights as numbers; `None` when every class counts the same.
    ///
    /// # Errors
    /// `Balanced` or `Effective` without counts or with an empty class, `beta` outside its range, a list of another length, a weight that is negative or not
    /// finite, or only zeros.
    pub fn resolve(
        &self,
        classes: usize,
        counts: Option<&[usize]>,
    ) -> Result<Option<Vec<f64>>, HeadError> {
        match self {
            Self::None => Ok(None),
            Self::Balanced => {
                let counts = needed(counts, "balanced", classes)?;
                let n: usize = counts.iter().sum();
                let each = n as f64 / classes as f64;
                Ok(Some(counts.iter().map(|c| each / *c as f64).collect()))
            }
            Self::Effective { beta } => {
                if !(0.0..1.0).contains(beta) {
                    return Err(HeadError::Setting {
                        name: "beta",
                        value: beta.to_string(),
                        allowed: "from 0 to below 1".into(),
                    });
                }
                let counts = needed(counts, "effective", classes)?;
                // 1 - beta^n by exp_m1: the difference itself loses all digits when beta is near 1.
                let weight = |&n: &usize| (1.0 - beta) / -(n as f64 * beta.ln()).exp_m1();
                Ok(Some(counts.iter().map(weight).collect()))
            }
            Self::List(list) => {
                check_length("the class weight list", classes, list.len())?;
                let legal = |w: &f64| w.is_finite() && *w >= 0.0;
                if let Some(w) = list.iter().find(|w| !legal(w)) {
                    return Err(HeadError::Setting {
                        name: "class_weights",
                        value: w.to_string(),
                        allowed: "finite and 0 or above".into(),
                    });
                }
                if list.iter().all(|w| *w == 0.0) {
                    return Err(HeadError::Setting {
                        name: "class_weights",
                        value: "all zero".into(),
                        allowed: "above 0 for at least one class".into(),
                    });
                }
                Ok(Some(list.clone()))
            }
        }
    }
}

/// The counts of classes none of which is empty.
pub(crate) fn needed<'a>(
    counts: Option<&'a [usize]>,
    value: &str,
    classes: usize,
) -> Result<&'a [usize], HeadError> {
    let counts = counts.ok_or_else(|| HeadError::Setting {
        name: "class_weights",
        value: value.into(),
        allowed: "used with the class counts of the training set".into(),
    })?;
    check_length("the class counts", classes, counts.len())?;
    match counts.iter().position(|c| *c == 0) {
        Some(class) => Err(HeadError::EmptyClass { class }),
        None => Ok(counts),
    }
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), HeadError> {
    if expected == found {
        return Ok(());
    }
    Err(HeadError::Length {
        what,
        expected,
        found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_give_every_class_the_same_total() {
        let counts = [10, 5, 1];
        let weights = ClassWeights::Balanced
            .resolve(3, Some(&counts))
            .unwrap()
            .unwrap();
        for (w, c) in weights.iter().zip(counts) {
            assert!((w * c as f64 - 16.0 / 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn effective_numbers_lie_between_equal_and_balanced_weights() {
        let counts = [1000, 100, 1];
        let weights = |beta| {
            let kind = ClassWeights::Effective { beta };
            kind.resolve(3, Some(&counts)).unwrap().unwrap()
        };
        assert_eq!(weights(0.0), [1.0, 1.0, 1.0]);
        // By hand: (1 - 0.9) / (1 - 0.9^1) = 1, and 0.9^100 and 0.9^1000 are nearly nothing.
        let [head, middle, tail] = weights(0.9)[..] else {
            panic!()
        };
        assert!((tail - 1.0).abs() < 1e-12);
        assert!((middle - 0.1 / (1.0 - 0.9_f64.powi(100))).abs() < 1e-12);
        assert!((head - 0.1).abs() < 1e-12);
        // Towards 1 the weights are inverse to the counts, also where 1 - beta^n has no digits left.
        let near = weights(1.0 - 1e-12);
        assert!((near[2] / near[0] - 1000.0).abs() < 1e-3, "{near:?}");
        for beta in [-0.1, 1.0, f64::NAN] {
            let kind = ClassWeights::Effective { beta };
            assert!(kind.resolve(3, Some(&counts)).is_err(), "{beta}");
        }
    }

    #[test]
    fn impossible_weights_are_errors() {
        assert_eq!(
            ClassWeights::Balanced.resolve(2, Some(&[3, 0])),
            Err(HeadError::EmptyClass { class: 1 })
        );
        assert!(ClassWeights::Balanced.resolve(2, None).is_err());
        assert!(ClassWeights::List(vec![1.0]).resolve(2, None).is_err());
        assert!(
            ClassWeights::List(vec![1.0, -1.0])
                .resolve(2, None)
                .is_err()
        );
        assert!(ClassWeights::List(vec![0.0, 0.0]).resolve(2, None).is_err());
    }
}
