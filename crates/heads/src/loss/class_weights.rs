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
}

impl ClassWeights {
    /// The weights as numbers; `None` when every class counts the same.
    ///
    /// # Errors
    /// `Balanced` without counts or with an empty class, a list of another length, a weight that is negative or not
    /// finite, or only zeros.
    pub fn resolve(
        &self,
        classes: usize,
        counts: Option<&[usize]>,
    ) -> Result<Option<Vec<f64>>, HeadError> {
        match self {
            Self::None => Ok(None),
            Self::Balanced => {
                let counts = counts.ok_or_else(|| HeadError::Setting {
                    name: "class_weights",
                    value: "balanced".into(),
                    allowed: "used with the class counts of the training set".into(),
                })?;
                check_length("the class counts", classes, counts.len())?;
                if let Some(class) = counts.iter().position(|c| *c == 0) {
                    return Err(HeadError::EmptyClass { class });
                }
                let n: usize = counts.iter().sum();
                let each = n as f64 / classes as f64;
                Ok(Some(counts.iter().map(|c| each / *c as f64).collect()))
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
