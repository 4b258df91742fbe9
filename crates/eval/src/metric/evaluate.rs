//! Every metric of a classification test run at once, under the names of [`names`](super::names).

use std::collections::BTreeMap;

use super::{
    AbsentClasses, ClassGroups, ClassScore, ConfusionMatrix, GroupF1, Probabilities, Reliability,
    names,
};
use crate::EvalError;

/// What a test run is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Metric by name; `None` where it is undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Per-class table.
    pub per_class: Vec<ClassScore>,
    /// Confusion matrix.
    pub confusion: ConfusionMatrix,
    /// Reliability in 15 bins, when probabilities were given.
    pub reliability: Option<Reliability>,
}

/// Judges `predicted` against `truth` (indices into `classes`), with `probabilities` also calibration, log loss and top-5
/// accuracy (the latter only from six classes on), and with `groups` the group F1 in both definitions.
///
/// # Errors
/// When lengths differ or a label is outside the list.
pub fn evaluate(
    classes: &[String],
    truth: &[usize],
    predicted: &[usize],
    probabilities: Option<&Probabilities>,
    groups: Option<&ClassGroups>,
) -> Result<Evaluation, EvalError> {
    let confusion = ConfusionMatrix::from_labels(classes, truth, predicted)?;
    let mut metrics = BTreeMap::new();
    let mut put = |name: &str, value: Option<f64>| {
        metrics.insert(name.to_string(), value);
    };
    put(names::ACCURACY, confusion.accuracy());
    put(names::BALANCED_ACCURACY, confusion.balanced_accuracy());
    put(
        names::MACRO_F1,
        confusion.macro_f1(AbsentClasses::CountAsZero),
    );
    put(
        names::MACRO_F1_PRESENT,
        confusion.macro_f1(AbsentClasses::SkipUnseen),
    );
    put(names::WEIGHTED_F1, confusion.weighted_f1());
    put(names::KAPPA, confusion.kappa());
    let mut reliability = None;
    if let Some(probabilities) = probabilities {
        if probabilities.classes() != classes.len() {
            return Err(EvalError::Length {
                what: "probabilities per sample",
                expected: format!("{} (one per class)", classes.len()),
                found: probabilities.classes().to_string(),
            });
        }
        let bins = probabilities.reliability(truth, 15)?;
        put(names::ECE, bins.ece);
        put(names::LOG_LOSS, probabilities.log_loss(truth)?);
        put(names::BRIER, probabilities.brier(truth)?);
        if classes.len() > 5 {
            put(names::TOP_5, probabilities.top_k_accuracy(truth, 5)?);
        }
        reliability = Some(bins);
    }
    for group in groups.map_or(&[][..], ClassGroups::groups) {
        put(
            &names::group_f1(&group.name, true),
            confusion.group_f1(&group.classes, GroupF1::Official),
        );
        let clean = GroupF1::Clean(AbsentClasses::CountAsZero);
        put(
            &names::group_f1(&group.name, false),
            confusion.group_f1(&group.classes, clean),
        );
    }
    Ok(Evaluation {
        metrics,
        per_class: confusion.per_class(),
        confusion,
        reliability,
    })
}
