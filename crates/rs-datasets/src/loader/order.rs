//! In which order, and how often, samples come up in an epoch.

use serde::{Deserialize, Serialize};

use crate::{DataError, Dataset, random};

/// The order of an epoch. Random orders depend on seed and epoch only.
///
/// In TOML `order = "shuffled"`, `order = { class_weighted = { weights = [1.0, 2.0] } }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// As given.
    #[default]
    Sequential,
    /// Each sample once, shuffled.
    Shuffled,
    /// As many draws as there are samples, with replacement: first a class that occurs, uniformly, then one of its samples.
    ClassBalanced,
    /// As many draws as there are samples, with replacement, a sample of class c with probability proportional to `weights[c]`.
    ClassWeighted {
        /// Weight of one sample of each class, at least 0.
        weights: Vec<f64>,
    },
}

impl Order {
    /// Whether samples can come up more than once.
    pub fn with_replacement(&self) -> bool {
        matches!(self, Self::ClassBalanced | Self::ClassWeighted { .. })
    }

    /// Cumulative weights of the samples `indices`; `None` for orders without replacement.
    ///
    /// # Errors
    /// [`DataError::Setting`] when a sample has no class, or a weight is missing, negative or not finite, or all are 0.
    pub(super) fn cumulative(
        &self,
        dataset: &dyn Dataset,
        indices: &[usize],
    ) -> Result<Option<Vec<f64>>, DataError> {
        if !self.with_replacement() {
            return Ok(None);
        }
        let bad = |detail: String| DataError::Setting {
            what: "loader order".into(),
            detail,
        };
        let classes: Vec<usize> = indices
            .iter()
            .map(|&index| {
                let none = || {
                    bad(format!(
                        "`{}` has no class, so it has no class weight",
                        dataset.id(index)
                    ))
                };
                dataset.class_of(index).ok_or_else(none)
            })
            .collect::<Result<_, _>>()?;
        let n = dataset
            .classes()
            .len()
            .max(classes.iter().max().map_or(0, |&class| class + 1));
        let mut counts = vec![0usize; n];
        classes.iter().for_each(|&class| counts[class] += 1);
        let weights: Vec<f64> = match self {
            Self::ClassWeighted { weights } => weights.clone(),
            _ => counts
                .iter()
                .map(|&count| if count == 0 { 0.0 } else { 1.0 / count as f64 })
                .collect(),
        };
        if weights.len() != n
            || weights
                .iter()
                .any(|weight| !(weight.is_finite() && *weight >= 0.0))
        {
            return Err(bad(format!(
                "weights {weights:?}; expected {n} finite numbers of at least 0"
            )));
        }
        let mut sum = 0.0;
        let cumulative: Vec<f64> = classes
            .iter()
            .map(|&class| {
                sum += weights[class];
                sum
            })
            .collect();
        if sum > 0.0 {
            Ok(Some(cumulative))
        } else {
            Err(bad("every sample has weight 0".into()))
        }
    }

    /// Positions `0..len` in the order of one epoch.
    pub(super) fn positions(
        &self,
        len: usize,
        cumulative: Option<&[f64]>,
        seed: u64,
        epoch: u64,
    ) -> Vec<usize> {
        let mut rng = random::stream(&["order", &seed.to_string(), &epoch.to_string()]);
        if let Some(cumulative) = cumulative {
            let total = cumulative.last().copied().unwrap_or(0.0);
            return (0..len)
                .map(|_| {
                    let at = random::unit(&mut rng) * total;
                    // The first sample whose cumulative weight exceeds the draw, so that weight 0 is never drawn.
                    cumulative.partition_point(|&sum| sum <= at).min(len - 1)
                })
                .collect();
        }
        let mut positions: Vec<usize> = (0..len).collect();
        if *self == Self::Shuffled {
            random::shuffle(&mut rng, &mut positions);
        }
        positions
    }
}
