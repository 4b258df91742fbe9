//! Which detection found which object: PASCAL VOC's greedy rule as the development kit of DOTA applies it.

use oriented_boxes::Prepared;

use super::{Curve, CurveCounts, GroundTruth, ScoredBox};
use crate::EvalError;

/// One detection with the object that it overlaps most.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Match {
    score: f64,
    /// IoU with that object, 0 without one.
    overlap: f64,
    /// Index among the objects of the class.
    object: Option<usize>,
}

/// The detections of one class, surest first, each with the object that it overlaps most.
///
/// Which object that is does not depend on a threshold, so one matching serves them all.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMatches {
    detections: Vec<Match>,
    /// Per object: whether it is difficult.
    difficult: Vec<bool>,
}

/// Matches the detections of class `class`.
///
/// Of two objects that a detection overlaps equally, the earlier one in the image counts. Detections of equal score keep their order.
///
/// # Errors
/// [`EvalError::Label`] for a class outside the list, [`EvalError::Value`] for an image outside the ground truth or a score that is not finite.
pub fn match_class(
    truth: &GroundTruth,
    class: usize,
    detections: &[ScoredBox],
) -> Result<ClassMatches, EvalError> {
    if class >= truth.classes().len() {
        return Err(EvalError::Label {
            role: "predicted",
            position: 0,
            label: class,
            classes: truth.classes().len(),
        });
    }
    // The objects of this class, and where those of each image begin.
    let mut objects = Vec::new();
    let mut difficult = Vec::new();
    let mut first = Vec::with_capacity(truth.images().len() + 1);
    first.push(0);
    for image in truth.images() {
        for object in image.objects.iter().filter(|o| o.class == class) {
            objects.push(Prepared::new(&object.quad));
            difficult.push(object.difficult);
        }
        first.push(objects.len());
    }
    let mut matches = Vec::with_capacity(detections.len());
    for detection in detections {
        if detection.image >= truth.images().len() {
            return Err(EvalError::Value {
                what: "image of a detection",
                expected: "an index into the images of the ground truth",
                found: detection.image.to_string(),
            });
        }
        if !detection.score.is_finite() {
            return Err(EvalError::Value {
                what: "score of a detection",
                expected: "a finite number",
                found: detection.score.to_string(),
            });
        }
        let shape = Prepared::new(&detection.quad);
        let mut best = Match {
            score: detection.score,
            overlap: 0.0,
            object: None,
        };
        for object in first[detection.image]..first[detection.image + 1] {
            if !shape.bounds().overlaps(objects[object].bounds()) {
                continue;
            }
            let overlap = shape.iou(&objects[object]);
            if overlap > best.overlap {
                (best.overlap, best.object) = (overlap, Some(object));
            }
        }
        matches.push(best);
    }
    matches.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(ClassMatches {
        detections: matches,
        difficult,
    })
}

impl ClassMatches {
    /// How many objects are asked for: those that are not difficult, or all when `count_difficult`.
    pub fn positives(&self, count_difficult: bool) -> usize {
        self.difficult
            .iter()
            .filter(|&&d| count_difficult || !d)
            .count()
    }

    /// How many objects are difficult.
    pub fn difficult(&self) -> usize {
        self.difficult.iter().filter(|&&d| d).count()
    }

    /// How many detections there are.
    pub fn detections(&self) -> usize {
        self.detections.len()
    }

    /// Precision over recall when an overlap **above** `threshold` counts as found.
    ///
    /// From the surest detection down: one that found an object nobody found before is right; one that found it again, or none, is
    /// wrong; one that found a difficult object is neither.
    ///
    /// # Errors
    /// [`EvalError::Value`] unless 0 <= threshold < 1.
    pub fn curve(&self, threshold: f64, count_difficult: bool) -> Result<Curve, EvalError> {
        if !(0.0..1.0).contains(&threshold) {
            return Err(EvalError::Value {
                what: "IoU threshold",
                expected: "at least 0 and below 1",
                found: threshold.to_string(),
            });
        }
        let mut found = vec![false; self.difficult.len()];
        let mut counts = CurveCounts::default();
        let mut curve = Curve::new(self.positives(count_difficult), self.detections.len());
        for detection in &self.detections {
            match detection.object.filter(|_| detection.overlap > threshold) {
                Some(object) if self.difficult[object] && !count_difficult => {}
                Some(object) if !found[object] => {
                    found[object] = true;
                    counts.right += 1;
                }
                _ => counts.wrong += 1,
            }
            curve.push(detection.score, counts);
        }
        Ok(curve)
    }
}
