//! Non-maximum suppression.

use crate::{BoxError, Prepared, Quad};

/// One detected object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Where.
    pub quad: Quad,
    /// How sure; larger is surer.
    pub score: f64,
    /// Index into a class list.
    pub class: usize,
}

/// Which detections compete with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NmsScope {
    /// Those of one class.
    #[default]
    PerClass,
    /// All.
    AllClasses,
}

/// Indices of the detections that stay, by falling score.
///
/// From the highest score down, a detection stays unless its overlap with one that stayed before is **above** `threshold` (as
/// DOTA's merging and mmcv do). Of equal scores the earlier one goes first. O(n²) comparisons of bounds; the exact overlap is computed
/// only where those meet.
///
/// # Errors
/// [`BoxError::Threshold`] outside 0..=1, [`BoxError::Score`] for a score that is not finite.
pub fn nms(
    detections: &[Detection],
    threshold: f64,
    scope: NmsScope,
) -> Result<Vec<usize>, BoxError> {
    if !(0.0..=1.0).contains(&threshold) {
        return Err(BoxError::Threshold { found: threshold });
    }
    if let Some(index) = detections.iter().position(|d| !d.score.is_finite()) {
        return Err(BoxError::Score {
            index,
            found: detections[index].score,
        });
    }
    let mut order: Vec<usize> = (0..detections.len()).collect();
    order.sort_by(|&a, &b| detections[b].score.total_cmp(&detections[a].score));
    let mut kept: Vec<usize> = Vec::new();
    let mut shapes: Vec<Prepared> = Vec::new();
    for index in order {
        let candidate = &detections[index];
        let shape = Prepared::new(&candidate.quad);
        let beaten = kept.iter().zip(&shapes).any(|(&winner, other)| {
            (scope == NmsScope::AllClasses || detections[winner].class == candidate.class)
                && shape.bounds().overlaps(other.bounds())
                && shape.iou(other) > threshold
        });
        if !beaten {
            kept.push(index);
            shapes.push(shape);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, score: f64, class: usize) -> Detection {
        let quad = Quad::from_coordinates([x, 0.0, x + 2.0, 0.0, x + 2.0, 2.0, x, 2.0]).unwrap();
        Detection { quad, score, class }
    }

    #[test]
    fn the_surest_stays_and_classes_do_not_compete() {
        // IoU of neighbours at distance 1 is 1/3.
        let all = [
            square(0.0, 0.5, 0),
            square(1.0, 0.9, 0),
            square(1.0, 0.8, 1),
            square(9.0, 0.1, 0),
        ];
        let kept = |t, scope| nms(&all, t, scope).unwrap();
        assert_eq!(kept(0.3, NmsScope::PerClass), [1, 2, 3]);
        assert_eq!(kept(0.3, NmsScope::AllClasses), [1, 3]);
        assert_eq!(kept(0.34, NmsScope::PerClass), [1, 2, 0, 3]);
        assert_eq!(kept(1.0, NmsScope::AllClasses).len(), 4);
    }

    #[test]
    fn what_was_beaten_beats_nobody() {
        // A beats B, B would have beaten C.
        let all = [
            square(0.0, 0.9, 0),
            square(1.0, 0.8, 0),
            square(2.0, 0.7, 0),
        ];
        assert_eq!(nms(&all, 0.2, NmsScope::PerClass).unwrap(), [0, 2]);
    }

    #[test]
    fn equal_scores_keep_their_order_and_bad_numbers_are_refused() {
        let all = [square(0.0, 0.5, 0), square(0.0, 0.5, 0)];
        assert_eq!(nms(&all, 0.5, NmsScope::PerClass).unwrap(), [0]);
        assert!(nms(&[], 0.5, NmsScope::PerClass).unwrap().is_empty());
        for bad in [f64::NAN, -0.1, 1.1] {
            assert!(matches!(
                nms(&all, bad, NmsScope::PerClass),
                Err(BoxError::Threshold { .. })
            ));
        }
        let nan = [square(0.0, f64::NAN, 0)];
        assert!(matches!(
            nms(&nan, 0.5, NmsScope::PerClass),
            Err(BoxError::Score { index: 0, .. })
        ));
    }
}
