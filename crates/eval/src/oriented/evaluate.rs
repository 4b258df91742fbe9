//! Average precision per class, over all classes and over groups of them.

use serde::{Deserialize, Serialize};

use super::{
    ApMethod, ClassAp, ClassMatches, GroundTruth, GroupAp, OrientedEvaluation, ScoredBox,
    ThresholdScores, average_precision, match_class,
};
use crate::EvalError;
use crate::metric::ClassGroups;

/// What becomes of objects marked difficult.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifficultObjects {
    /// Not asked for, and finding one is neither right nor wrong (DOTA v1.0).
    #[default]
    Ignore,
    /// Like all others (the development kit's script for DOTA v1.5).
    Count,
}

/// Rules of an evaluation; the default is DOTA's Task 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrientedRules {
    /// Thresholds; an overlap above one counts as found at it. Each at least 0 and below 1.
    pub thresholds: Vec<f64>,
    /// How curves are averaged.
    pub method: ApMethod,
    /// What becomes of difficult objects.
    pub difficult: DifficultObjects,
}

impl Default for OrientedRules {
    fn default() -> Self {
        Self {
            thresholds: vec![0.5],
            method: ApMethod::Voc07,
            difficult: DifficultObjects::Ignore,
        }
    }
}

/// Evaluates detections, one list per class in the order of the ground truth's classes.
///
/// Means leave out classes without objects to find. `groups` may be head, middle and tail; they need not cover all classes.
///
/// # Errors
/// [`EvalError::Length`] when there is not one list per class, [`EvalError::Value`] without a threshold or for one out of range, and those of
/// [`match_class`].
pub fn evaluate_oriented(
    truth: &GroundTruth,
    detections: &[Vec<ScoredBox>],
    rules: &OrientedRules,
    groups: Option<&ClassGroups>,
) -> Result<OrientedEvaluation, EvalError> {
    if detections.len() != truth.classes().len() {
        return Err(EvalError::Length {
            what: "detections",
            expected: format!("one list for each of {} classes", truth.classes().len()),
            found: format!("{} lists", detections.len()),
        });
    }
    if rules.thresholds.is_empty() {
        return Err(EvalError::Value {
            what: "number of IoU thresholds",
            expected: "at least 1",
            found: "0".into(),
        });
    }
    let matches: Vec<ClassMatches> = detections
        .iter()
        .enumerate()
        .map(|(class, detections)| match_class(truth, class, detections))
        .collect::<Result<_, _>>()?;
    let thresholds = rules
        .thresholds
        .iter()
        .map(|&iou| at_threshold(truth, &matches, iou, rules, groups))
        .collect::<Result<_, _>>()?;
    Ok(OrientedEvaluation {
        method: rules.method,
        difficult: rules.difficult,
        images: truth.images().len(),
        thresholds,
    })
}

fn at_threshold(
    truth: &GroundTruth,
    matches: &[ClassMatches],
    iou: f64,
    rules: &OrientedRules,
    groups: Option<&ClassGroups>,
) -> Result<ThresholdScores, EvalError> {
    let count_difficult = rules.difficult == DifficultObjects::Count;
    let classes: Vec<ClassAp> = truth
        .classes()
        .iter()
        .zip(matches)
        .map(|(name, matches)| {
            let curve = matches.curve(iou, count_difficult)?;
            let total = curve.total();
            let objects = curve.positives();
            Ok(ClassAp {
                class: name.clone(),
                objects,
                difficult: matches.difficult(),
                detections: matches.detections(),
                right: total.right,
                wrong: total.wrong,
                recall: (objects > 0).then(|| total.right as f64 / objects as f64),
                ap: average_precision(&curve, rules.method),
            })
        })
        .collect::<Result<_, EvalError>>()?;
    let mean = |indices: &mut dyn Iterator<Item = usize>| {
        let all: Vec<f64> = indices.filter_map(|i| classes.get(i)?.ap).collect();
        let sum: f64 = all.iter().sum();
        (all.len(), (!all.is_empty()).then(|| sum / all.len() as f64))
    };
    let groups = groups.map_or(&[][..], |groups| groups.groups());
    let groups = groups
        .iter()
        .map(|group| {
            let (classes, ap) = mean(&mut group.classes.iter().copied());
            GroupAp {
                name: group.name.clone(),
                classes,
                ap,
            }
        })
        .collect();
    Ok(ThresholdScores {
        iou,
        mean: mean(&mut (0..classes.len())).1,
        groups,
        classes,
    })
}
