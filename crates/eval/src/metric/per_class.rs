//! Precision, recall, F1 and IoU of each class.

use serde::{Deserialize, Serialize};

use super::{AbsentClasses, ConfusionMatrix};

/// The scores of one class. A score that is 0/0 is `None`, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassScore {
    /// Class name.
    pub class: String,
    /// Samples truly of this class.
    pub support: u64,
    /// Samples predicted as this class.
    pub predicted: u64,
    /// TP / (TP + FP); `None` when the class was never predicted.
    pub precision: Option<f64>,
    /// TP / (TP + FN); `None` when the class has no true sample.
    pub recall: Option<f64>,
    /// 2 TP / (2 TP + FP + FN); `None` when the class occurs neither as truth nor as prediction.
    pub f1: Option<f64>,
    /// TP / (TP + FP + FN), the Jaccard index; `None` as for F1.
    pub iou: Option<f64>,
}

/// `numerator / denominator`, `None` when the denominator is 0.
pub(super) fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

/// Mean of an iterator, `None` when it is empty.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0u64), |(sum, n), value| (sum + value, n + 1));
    ratio(sum, n as f64)
}

impl ConfusionMatrix {
    /// The scores of every class of the list, in index order (the ignore label's class, if in the list, included).
    pub fn per_class(&self) -> Vec<ClassScore> {
        // Column sums in one pass: calling `predicted` per class would touch the matrix column by column.
        let mut predicted = vec![0u64; self.classes().len()];
        for truth in 0..self.classes().len() {
            predicted
                .iter_mut()
                .zip(self.row(truth))
                .for_each(|(sum, &count)| *sum += count);
        }
        (0..self.classes().len())
            .map(|class| {
                let (support, predicted) = (self.support(class), predicted[class]);
                let (tp, s, p) = (
                    self.count(class, class) as f64,
                    support as f64,
                    predicted as f64,
                );
                ClassScore {
                    class: self.classes()[class].clone(),
                    support,
                    predicted,
                    precision: ratio(tp, p),
                    recall: ratio(tp, s),
                    f1: ratio(2.0 * tp, s + p),
                    iou: ratio(tp, s + p - tp),
                }
            })
            .collect()
    }

    /// Unweighted mean over classes of the score that `pick` chooses, e.g. `|c| c.f1`; classes and 0/0 as `absent` says.
    /// `None` when no class takes part.
    pub fn class_mean(
        &self,
        absent: AbsentClasses,
        pick: impl Fn(&ClassScore) -> Option<f64>,
    ) -> Option<f64> {
        let scores = self.per_class();
        mean(
            self.scored_classes()
                .map(|class| &scores[class])
                .filter(|score| absent.includes(score.support, score.predicted))
                .map(|score| pick(score).unwrap_or(0.0)),
        )
    }

    /// Macro F1: unweighted mean of the per-class F1.
    pub fn macro_f1(&self, absent: AbsentClasses) -> Option<f64> {
        self.class_mean(absent, |score| score.f1)
    }

    /// Macro precision: unweighted mean of the per-class precision.
    pub fn macro_precision(&self, absent: AbsentClasses) -> Option<f64> {
        self.class_mean(absent, |score| score.precision)
    }

    /// Macro recall: unweighted mean of the per-class recall.
    pub fn macro_recall(&self, absent: AbsentClasses) -> Option<f64> {
        self.class_mean(absent, |score| score.recall)
    }

    /// Mean of the per-class F1 weighted by support; `None` when nothing was counted.
    pub fn weighted_f1(&self) -> Option<f64> {
        let scores = self.per_class();
        let weighted: f64 = self
            .scored_classes()
            .map(|c| scores[c].f1.unwrap_or(0.0) * scores[c].support as f64)
            .sum();
        ratio(weighted, self.total() as f64)
    }
}
