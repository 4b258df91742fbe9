//! The confusion matrix: how often a sample of one class was predicted as another.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::EvalError;

/// The largest class list accepted: 8192 classes are 512 MiB of counts (iNaturalist 2018 has 8142).
pub const MAX_CLASSES: usize = 8192;

/// Counts of (true class, predicted class), over a named class list.
///
/// Rows are true classes, columns predicted ones. Samples whose *true* label is the ignore label are left out, whatever was
/// predicted for them; they are counted in [`ignored`](Self::ignored). The ignore label may lie outside the list (255) or be
/// one of its indices (background 0): in the second case a prediction of that class still counts as an error of the true
/// class, and the class itself takes part in no average.
///
/// In JSON: `{"classes": [...], "ignore_label": null, "ignored": 0, "counts": [[..], ..]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ConfusionMatrix {
    classes: Vec<String>,
    counts: Vec<u64>,
    ignore_label: Option<usize>,
    ignored: u64,
}

impl ConfusionMatrix {
    /// An empty matrix over `classes`.
    ///
    /// # Errors
    /// When the list is empty, longer than [`MAX_CLASSES`], or names a class twice.
    pub fn new(classes: &[String]) -> Result<Self, EvalError> {
        if classes.is_empty() || classes.len() > MAX_CLASSES {
            return Err(EvalError::Classes {
                problem: format!(
                    "expected 1 to {MAX_CLASSES} classes, found {}",
                    classes.len()
                ),
            });
        }
        let mut seen = HashSet::new();
        for class in classes {
            if !seen.insert(class.as_str()) {
                return Err(EvalError::Classes {
                    problem: format!("`{class}` occurs twice; give each class its own name"),
                });
            }
        }
        Ok(Self {
            classes: classes.to_vec(),
            counts: vec![0; classes.len() * classes.len()],
            ignore_label: None,
            ignored: 0,
        })
    }

    /// The same matrix, leaving out samples whose true label is `label`.
    pub fn with_ignore_label(mut self, label: usize) -> Self {
        self.ignore_label = Some(label);
        self
    }

    /// A matrix of all pairs of `truth` and `predicted` (labels are indices into `classes`).
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`add_all`](Self::add_all).
    pub fn from_labels(
        classes: &[String],
        truth: &[usize],
        predicted: &[usize],
    ) -> Result<Self, EvalError> {
        let mut matrix = Self::new(classes)?;
        matrix.add_all(truth, predicted)?;
        Ok(matrix)
    }

    /// Counts the pairs of `truth` and `predicted`; on an error nothing is counted.
    ///
    /// # Errors
    /// When the lengths differ, or a label is neither an index into the class list nor the ignore label.
    pub fn add_all(&mut self, truth: &[usize], predicted: &[usize]) -> Result<(), EvalError> {
        if truth.len() != predicted.len() {
            return Err(EvalError::Length {
                what: "predicted labels",
                expected: format!("{} (one per true label)", truth.len()),
                found: predicted.len().to_string(),
            });
        }
        let classes = self.classes.len();
        for (position, (&t, &p)) in truth.iter().zip(predicted).enumerate() {
            if Some(t) == self.ignore_label {
                continue;
            }
            for (role, label) in [("true", t), ("predicted", p)] {
                if label >= classes {
                    return Err(EvalError::Label {
                        role,
                        position,
                        label,
                        classes,
                    });
                }
            }
        }
        for (&t, &p) in truth.iter().zip(predicted) {
            if Some(t) == self.ignore_label {
                self.ignored += 1;
            } else {
                self.counts[t * classes + p] += 1;
            }
        }
        Ok(())
    }

    /// Adds the counts of `other`, e.g. of another batch or another seed.
    ///
    /// # Errors
    /// When the class lists or ignore labels differ, or the sum would not fit 64 bits.
    pub fn merge(&mut self, other: &Self) -> Result<(), EvalError> {
        if self.classes != other.classes || self.ignore_label != other.ignore_label {
            return Err(EvalError::Classes {
                problem: format!(
                    "matrices over different lists cannot be added: {:?} (ignore {:?}) and {:?} (ignore {:?})",
                    self.classes, self.ignore_label, other.classes, other.ignore_label
                ),
            });
        }
        if self.total().checked_add(other.total()).is_none()
            || self.ignored.checked_add(other.ignored).is_none()
        {
            return Err(EvalError::Classes {
                problem: "the sum of two matrices exceeds 64 bits".into(),
            });
        }
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(a, b)| *a += b);
        self.ignored += other.ignored;
        Ok(())
    }

    /// The class names, in index order.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label that is left out, if any.
    pub fn ignore_label(&self) -> Option<usize> {
        self.ignore_label
    }

    /// How many samples were left out because of the ignore label.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Samples of class `truth` predicted as `predicted`; 0 for indices outside the list.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        let classes = self.classes.len();
        if truth < classes && predicted < classes {
            self.counts[truth * classes + predicted]
        } else {
            0
        }
    }

    /// Counts of true class `truth` by predicted class; empty outside the list.
    pub fn row(&self, truth: usize) -> &[u64] {
        let classes = self.classes.len();
        if truth < classes {
            &self.counts[truth * classes..(truth + 1) * classes]
        } else {
            &[]
        }
    }

    /// How many samples are truly of class `class`.
    pub fn support(&self, class: usize) -> u64 {
        self.row(class).iter().sum()
    }

    /// How many samples were predicted as class `class`.
    pub fn predicted(&self, class: usize) -> u64 {
        (0..self.classes.len())
            .map(|truth| self.count(truth, class))
            .sum()
    }

    /// How many samples were counted (without the ignored ones).
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many samples were predicted correctly.
    pub fn correct(&self) -> u64 {
        (0..self.classes.len())
            .map(|class| self.count(class, class))
            .sum()
    }

    /// Class indices that may take part in averages: all but the ignore label.
    pub fn scored_classes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.classes.len()).filter(|&class| Some(class) != self.ignore_label)
    }

    /// The matrix as stored in `rows[truth][predicted]`.
    ///
    /// # Errors
    /// When it is not square over `classes`, or the counts do not fit 64 bits together.
    pub fn from_counts(classes: &[String], rows: &[Vec<u64>]) -> Result<Self, EvalError> {
        let mut matrix = Self::new(classes)?;
        let n = classes.len();
        if rows.len() != n || rows.iter().any(|row| row.len() != n) {
            return Err(EvalError::Length {
                what: "confusion matrix",
                expected: format!("{n} rows of {n} counts"),
                found: format!(
                    "{} rows of {:?}",
                    rows.len(),
                    rows.first().map_or(0, Vec::len)
                ),
            });
        }
        matrix.counts = rows.iter().flatten().copied().collect();
        if matrix
            .counts
            .iter()
            .try_fold(0u64, |sum, &count| sum.checked_add(count))
            .is_none()
        {
            return Err(EvalError::Classes {
                problem: "the counts exceed 64 bits together".into(),
            });
        }
        Ok(matrix)
    }
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    classes: Vec<String>,
    ignore_label: Option<usize>,
    ignored: u64,
    counts: Vec<Vec<u64>>,
}

impl TryFrom<Stored> for ConfusionMatrix {
    type Error = EvalError;

    fn try_from(stored: Stored) -> Result<Self, EvalError> {
        let mut matrix = Self::from_counts(&stored.classes, &stored.counts)?;
        matrix.ignore_label = stored.ignore_label;
        matrix.ignored = stored.ignored;
        Ok(matrix)
    }
}

impl From<ConfusionMatrix> for Stored {
    fn from(matrix: ConfusionMatrix) -> Self {
        let counts = matrix
            .counts
            .chunks(matrix.classes.len())
            .map(<[u64]>::to_vec)
            .collect();
        Self {
            classes: matrix.classes,
            ignore_label: matrix.ignore_label,
            ignored: matrix.ignored,
            counts,
        }
    }
}
