//! Predicted class probabilities, and the metrics that need no bins: log loss, top-k accuracy, Brier score.

use crate::EvalError;

/// Class probabilities of `n` samples, `[n, classes]` row-major, each row summing to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities {
    values: Vec<f64>,
    classes: usize,
}

impl Probabilities {
    /// Takes over probabilities `[n, classes]`; rows are renormalised, because f32 rows sum to 1 only to about 1e-6.
    ///
    /// # Errors
    /// When the length is no multiple of `classes`, a value is not in 0..=1, or a row's sum is not 1 within 1e-3.
    pub fn from_probabilities(values: &[f32], classes: usize) -> Result<Self, EvalError> {
        let mut values = check(values, classes)?;
        for row in values.chunks_mut(classes) {
            if let Some(bad) = row.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                return Err(EvalError::Value {
                    what: "a probability",
                    expected: "in 0..=1",
                    found: bad.to_string(),
                });
            }
            let sum: f64 = row.iter().sum();
            if (sum - 1.0).abs() > 1e-3 {
                return Err(EvalError::Value {
                    what: "the sum of a row of probabilities",
                    expected: "1 within 1e-3 (use `from_logits` for logits)",
                    found: sum.to_string(),
                });
            }
            row.iter_mut().for_each(|value| *value /= sum);
        }
        Ok(Self { values, classes })
    }

    /// Softmax of logits `[n, classes]`, in f64.
    ///
    /// # Errors
    /// When the length is no multiple of `classes`, or a logit is not finite.
    pub fn from_logits(logits: &[f32], classes: usize) -> Result<Self, EvalError> {
        let mut values = check(logits, classes)?;
        for row in values.chunks_mut(classes) {
            let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut()
                .for_each(|value| *value = (*value - max).exp());
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        Ok(Self { values, classes })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The probabilities of sample `i`, one per class.
    ///
    /// # Panics
    /// When `i >= len()`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.classes..(i + 1) * self.classes]
    }

    /// The most probable class of sample `i` (the lowest index on a tie) and its probability, the confidence.
    ///
    /// # Panics
    /// When `i >= len()`.
    pub fn best(&self, i: usize) -> (usize, f64) {
        let mut best = (0, f64::NEG_INFINITY);
        for (class, &p) in self.row(i).iter().enumerate() {
            if p > best.1 {
                best = (class, p);
            }
        }
        best
    }

    /// The most probable class of every sample.
    pub fn predictions(&self) -> Vec<usize> {
        (0..self.len()).map(|i| self.best(i).0).collect()
    }

    /// Fraction of samples whose true class is among the `k` most probable (ties go to the lower index, as for
    /// [`best`](Self::best)); `None` without samples.
    ///
    /// # Errors
    /// When `truth` does not match in length or holds a label outside the list, or `k` is 0.
    pub fn top_k_accuracy(&self, truth: &[usize], k: usize) -> Result<Option<f64>, EvalError> {
        self.check_labels(truth)?;
        if k == 0 {
            return Err(EvalError::Value {
                what: "k of top-k",
                expected: "at least 1",
                found: "0".into(),
            });
        }
        let hits = (0..self.len()).filter(|&i| {
            let (row, t) = (self.row(i), truth[i]);
            let before = row
                .iter()
                .enumerate()
                .filter(|&(c, &p)| p > row[t] || (p == row[t] && c < t))
                .count();
            before < k
        });
        Ok(super::per_class::ratio(
            hits.count() as f64,
            self.len() as f64,
        ))
    }

    /// Mean negative log-likelihood of the true class, in nats; probabilities are clipped to
    /// `[f64::EPSILON, 1 - f64::EPSILON]` like scikit-learn's `log_loss`. `None` without samples.
    ///
    /// # Errors
    /// When `truth` does not match in length or holds a label outside the list.
    pub fn log_loss(&self, truth: &[usize]) -> Result<Option<f64>, EvalError> {
        self.check_labels(truth)?;
        let clip = |p: f64| p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        Ok(super::per_class::mean(
            (0..self.len()).map(|i| -clip(self.row(i)[truth[i]]).ln()),
        ))
    }

    /// Multi-class Brier score (1950): mean over samples of the squared distance to the one-hot truth, in 0..=2. `None`
    /// without samples.
    ///
    /// # Errors
    /// When `truth` does not match in length or holds a label outside the list.
    pub fn brier(&self, truth: &[usize]) -> Result<Option<f64>, EvalError> {
        self.check_labels(truth)?;
        Ok(super::per_class::mean((0..self.len()).map(|i| {
            let one_hot = |class: usize| if class == truth[i] { 1.0 } else { 0.0 };
            self.row(i)
                .iter()
                .enumerate()
                .map(|(class, p)| (p - one_hot(class)).powi(2))
                .sum()
        })))
    }

    pub(super) fn check_labels(&self, truth: &[usize]) -> Result<(), EvalError> {
        if truth.len() != self.len() {
            return Err(EvalError::Length {
                what: "true labels",
                expected: format!("{} (one per row of probabilities)", self.len()),
                found: truth.len().to_string(),
            });
        }
        match truth.iter().position(|&label| label >= self.classes) {
            Some(position) => Err(EvalError::Label {
                role: "true",
                position,
                label: truth[position],
                classes: self.classes,
            }),
            None => Ok(()),
        }
    }
}

fn check(values: &[f32], classes: usize) -> Result<Vec<f64>, EvalError> {
    if classes == 0 || !values.len().is_multiple_of(classes) {
        return Err(EvalError::Length {
            what: "scores [n, classes]",
            expected: format!("a multiple of {classes} classes (at least 1)"),
            found: values.len().to_string(),
        });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(EvalError::Value {
            what: "a score",
            expected: "finite",
            found: format!(
                "{} for sample {}, class {}",
                values[position],
                position / classes,
                position % classes
            ),
        }),
        None => Ok(values.iter().map(|&value| f64::from(value)).collect()),
    }
}
