//! One number for the whole matrix: overall accuracy, balanced accuracy, Cohen's kappa.

use super::per_class::ratio;
use super::{AbsentClasses, ConfusionMatrix};

impl ConfusionMatrix {
    /// Overall accuracy: correct / counted; `None` when nothing was counted.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct() as f64, self.total() as f64)
    }

    /// Balanced accuracy: mean recall over the classes that have true samples; `None` when there is none.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        self.macro_recall(AbsentClasses::SkipWithoutTruth)
    }

    /// Cohen's kappa (1960): (p_o - p_e) / (1 - p_e), with p_o the accuracy and p_e the agreement expected by chance from the
    /// marginals. `None` when nothing was counted, or when truth and prediction are one and the same single class (0/0).
    pub fn kappa(&self) -> Option<f64> {
        let total = self.total() as f64;
        let observed = self.accuracy()?;
        let expected: f64 = self
            .per_class()
            .iter()
            .map(|s| s.support as f64 / total * (s.predicted as f64 / total))
            .sum();
        ratio(observed - expected, 1.0 - expected)
    }
}
