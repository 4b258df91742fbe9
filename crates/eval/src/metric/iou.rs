//! Mean intersection over union, for segmentation.

use super::AbsentClasses;
use super::ConfusionMatrix;
use super::per_class::mean;

impl ConfusionMatrix {
    /// Intersection over union per class, in index order; `None` for a class that occurs neither as truth nor as prediction.
    pub fn iou(&self) -> Vec<Option<f64>> {
        self.per_class()
            .into_iter()
            .map(|score| score.iou)
            .collect()
    }

    /// Mean IoU over classes.
    ///
    /// [`AbsentClasses::CountAsZero`] is the definition of PANGAEA (mean over all class indices but the ignored one, absent
    /// classes 0; its epsilon of 1e-6 pixels in the denominator is left out); [`AbsentClasses::SkipUnseen`] is the
    /// `nanmean` of mmsegmentation and of most papers.
    pub fn mean_iou(&self, absent: AbsentClasses) -> Option<f64> {
        self.class_mean(absent, |score| score.iou)
    }

    /// IoU weighted by the frequency of each true class.
    pub fn frequency_weighted_iou(&self) -> Option<f64> {
        let total = self.total();
        let scores = self.per_class();
        (total > 0).then(|| {
            self.scored_classes()
                .map(|class| {
                    scores[class].support as f64 / total as f64 * scores[class].iou.unwrap_or(0.0)
                })
                .sum()
        })
    }

    /// Mean IoU over `classes` (indices) only, those that occur nowhere left out.
    pub fn mean_iou_of(&self, classes: &[usize]) -> Option<f64> {
        let iou = self.iou();
        mean(
            classes
                .iter()
                .filter_map(|&class| iou.get(class).copied().flatten()),
        )
    }
}
