//! Every metric of a segmentation test run at once, from the pixels of all images together.

use std::collections::BTreeMap;

use super::{AbsentClasses, ConfusionMatrix, Evaluation, names};
use crate::EvalError;

/// Counts the pixels of label masks, image by image.
///
/// A metric over a test set is one over all its pixels together, as the PANGAEA benchmark and mmsegmentation compute it; the mean of
/// the scores of single images is another number.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelCounts {
    confusion: ConfusionMatrix,
}

impl PixelCounts {
    /// No pixel yet. Pixels whose true label is -1 are left out.
    ///
    /// # Errors
    /// As [`ConfusionMatrix::new`].
    pub fn new(classes: &[String]) -> Result<Self, EvalError> {
        // One past the list: a label that no class has.
        let confusion = ConfusionMatrix::new(classes)?.with_ignore_label(classes.len());
        Ok(Self { confusion })
    }

    /// Counts the pixels of one image: true classes, -1 where they are to be ignored, and predicted ones.
    ///
    /// # Errors
    /// When the lengths differ or a label is neither -1 nor a class; nothing is counted then.
    pub fn add(&mut self, truth: &[i32], predicted: &[usize]) -> Result<(), EvalError> {
        let classes = self.confusion.classes().len();
        let mut labels = Vec::with_capacity(truth.len());
        for (position, &label) in truth.iter().enumerate() {
            // One past the list is how the matrix calls what it leaves out, so it must not come in from outside.
            labels.push(match usize::try_from(label) {
                Ok(class) if class < classes => class,
                Err(_) if label == -1 => classes,
                _ => {
                    return Err(EvalError::PixelLabel {
                        position,
                        label,
                        classes,
                    });
                }
            });
        }
        self.confusion.add_all(&labels, predicted)
    }

    /// Adds the counts of other images.
    ///
    /// # Errors
    /// As [`ConfusionMatrix::merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), EvalError> {
        self.confusion.merge(&other.confusion)
    }

    /// The pixels counted so far.
    pub fn confusion(&self) -> &ConfusionMatrix {
        &self.confusion
    }

    /// mIoU and macro F1, each over the whole class list with absent classes 0 and over the classes that occur; overall accuracy; IoU
    /// per class under [`names::class_iou`]. `None` where nothing was counted.
    pub fn evaluate(self) -> Evaluation {
        let confusion = self.confusion;
        let counted = |value: Option<f64>| value.filter(|_| confusion.total() > 0);
        let mut metrics = BTreeMap::new();
        let mut put = |name: &str, value: Option<f64>| {
            metrics.insert(name.to_string(), value);
        };
        let (all, present) = (AbsentClasses::CountAsZero, AbsentClasses::SkipUnseen);
        put(names::MIOU, counted(confusion.mean_iou(all)));
        put(names::MIOU_PRESENT, confusion.mean_iou(present));
        put(names::MACRO_F1, counted(confusion.macro_f1(all)));
        put(names::MACRO_F1_PRESENT, confusion.macro_f1(present));
        put(names::ACCURACY, confusion.accuracy());
        for (class, value) in confusion.classes().iter().zip(confusion.iou()) {
            put(&names::class_iou(class), value);
        }
        Evaluation {
            metrics,
            per_class: confusion.per_class(),
            confusion,
            reliability: None,
        }
    }
}
