//! Scores of label masks: against torchmetrics (assets/golden/eval/export_segmentation.py), over several images, and from labels
//! that cannot be.

use eval::EvalError;
use eval::metric::{Evaluation, PixelCounts, names};
use serde_json::Value;

fn classes(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("class {i}")).collect()
}

fn metric(found: &Evaluation, name: &str) -> Option<f64> {
    found.metrics[name]
}

#[test]
fn scores_equal_torchmetrics() {
    let golden: Value = serde_json::from_str(include_str!(
        "../../../assets/golden/eval/segmentation.json"
    ))
    .unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let n = case["classes"].as_u64().unwrap() as usize;
        let list = |key: &str| case[key].as_array().unwrap();
        let truth: Vec<i32> = list("truth")
            .iter()
            .map(|v| v.as_i64().unwrap() as i32)
            .collect();
        let predicted: Vec<usize> = list("predicted")
            .iter()
            .map(|v| v.as_u64().unwrap() as usize)
            .collect();
        // In two images, as a test set is.
        let mut counts = PixelCounts::new(&classes(n)).unwrap();
        let mut rest = counts.clone();
        counts.add(&truth[..40], &predicted[..40]).unwrap();
        rest.add(&truth[40..], &predicted[40..]).unwrap();
        counts.merge(&rest).unwrap();
        let ignored = truth.iter().filter(|label| **label == -1).count() as u64;
        assert_eq!(counts.confusion().ignored(), ignored, "{name}");
        let found = counts.evaluate();
        for (ours, theirs) in [
            (names::ACCURACY, "accuracy"),
            (names::MIOU, "pangaea_miou"),
            (names::MIOU_PRESENT, "miou_present"),
            (names::MACRO_F1_PRESENT, "macro_f1_present"),
        ] {
            let (a, b) = (
                metric(&found, ours).unwrap(),
                case[theirs].as_f64().unwrap(),
            );
            // torchmetrics computes in single precision.
            assert!((a - b).abs() < 1e-6, "{name}: {ours} {a} instead of {b}");
        }
        for class in 0..n {
            let ours = metric(&found, &names::class_iou(&format!("class {class}")));
            assert_eq!(
                ours.is_some(),
                case["present"][class].as_bool().unwrap(),
                "{name}"
            );
            let theirs = case["iou"][class].as_f64().unwrap();
            assert!(
                (ours.unwrap_or(0.0) - theirs).abs() < 1e-6,
                "{name} class {class}"
            );
        }
    }
}

#[test]
fn nothing_counted_gives_no_score() {
    let mut counts = PixelCounts::new(&classes(2)).unwrap();
    counts.add(&[-1, -1], &[0, 1]).unwrap();
    let found = counts.evaluate();
    assert!(
        found.metrics.values().all(Option::is_none),
        "{:?}",
        found.metrics
    );
}

#[test]
fn labels_that_cannot_be_are_named() {
    let mut counts = PixelCounts::new(&classes(2)).unwrap();
    for label in [2, -2, i32::MAX] {
        let error = counts.add(&[0, label], &[0, 0]).unwrap_err();
        assert!(
            matches!(error, EvalError::PixelLabel { position: 1, .. }),
            "{error}"
        );
    }
    assert!(matches!(
        counts.add(&[0], &[2]).unwrap_err(),
        EvalError::Label { .. }
    ));
    assert!(matches!(
        counts.add(&[0], &[]).unwrap_err(),
        EvalError::Length { .. }
    ));
    assert_eq!(counts.confusion().total(), 0);
}

#[test]
fn the_iou_of_a_class_has_a_title() {
    let style = names::style(&names::class_iou("Burn scar"));
    assert_eq!(
        (style.title.as_str(), style.percent),
        ("IoU Burn scar", true)
    );
}
