//! Average precision against the development kit of DOTA and against mmrotate (assets/golden/oriented-boxes/export_evaluation.py).

use std::path::Path;

use eval::oriented::{
    ApMethod, DifficultObjects, OrientedRules, UnknownClasses, evaluate_oriented, read_labels,
    read_results,
};
use serde_json::Value;

const CLOSE: f64 = 1e-6;

fn golden() -> Value {
    let text = include_str!("../../../assets/golden/oriented-boxes/evaluation.json");
    serde_json::from_str(text).unwrap()
}

fn write_all(folder: &Path, files: &Value, name: impl Fn(&str) -> String) {
    std::fs::create_dir_all(folder).unwrap();
    for (key, text) in files.as_object().unwrap() {
        std::fs::write(folder.join(name(key)), text.as_str().unwrap()).unwrap();
    }
}

#[track_caller]
fn close(what: &str, ours: Option<f64>, theirs: &Value) {
    match (ours, theirs.as_f64()) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= CLOSE, "{what}: ours {a}, theirs {b}"),
        (None, None) => {}
        (a, b) => panic!("{what}: ours {a:?}, theirs {b:?}"),
    }
}

/// Evaluates every case under every rule and hands the result to `check` with the rule's key in the golden.
fn each(
    difficult: DifficultObjects,
    check: impl Fn(&Value, &str, &eval::oriented::ThresholdScores),
) {
    let golden = golden();
    let classes: Vec<String> = serde_json::from_value(golden["classes"].clone()).unwrap();
    let thresholds: Vec<f64> = serde_json::from_value(golden["thresholds"].clone()).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let (labels, results) = (
            folder.path().join("labelTxt"),
            folder.path().join("results"),
        );
        write_all(&labels, &case["labels"], |name| format!("{name}.txt"));
        write_all(&results, &case["results"], |name| {
            format!("Task1_{name}.txt")
        });
        let truth = read_labels(&labels, &classes, None, UnknownClasses::Refuse).unwrap();
        let found = read_results(&results, &truth).unwrap();
        for (method, name) in [(ApMethod::Voc07, "voc07"), (ApMethod::Area, "area")] {
            let rules = OrientedRules {
                thresholds: thresholds.clone(),
                method,
                difficult,
            };
            let scores = evaluate_oriented(&truth, &found, &rules, None).unwrap();
            for at in &scores.thresholds {
                check(case, &format!("{} {name}", at.iou), at);
            }
        }
    }
}

fn like_the_kit(difficult: DifficultObjects, script: &str) {
    each(difficult, |case, key, scores| {
        let theirs = case[script][key].as_array().unwrap();
        assert_eq!(theirs.len(), scores.classes.len());
        for (class, theirs) in scores.classes.iter().zip(theirs) {
            let what = format!("{} {script} {key} {}", case["name"], class.class);
            close(&what, class.ap, &theirs["ap"]);
            close(&what, class.recall, &theirs["recall"]);
            let all = (class.right + class.wrong) as f64;
            let precision = class.right as f64 / all.max(f64::EPSILON);
            close(&what, Some(precision), &theirs["precision"]);
        }
    });
}

#[test]
fn average_precision_equals_that_of_the_development_kit() {
    like_the_kit(DifficultObjects::Ignore, "kit");
}

#[test]
fn average_precision_equals_that_of_the_script_for_dota_1_5() {
    like_the_kit(DifficultObjects::Count, "kit_v1_5");
}

#[test]
fn average_precision_equals_that_of_mmrotate() {
    let compared = std::cell::Cell::new(0);
    each(DifficultObjects::Ignore, |case, key, scores| {
        let theirs = &case["mmrotate"][key];
        if theirs.is_null() {
            return;
        }
        close(key, scores.mean, &theirs["mean"]);
        for (class, theirs) in scores.classes.iter().zip(theirs["ap"].as_array().unwrap()) {
            // Without objects mmrotate has 0, and leaves the class out of the mean as well.
            let ours = class.ap.unwrap_or(0.0);
            close(
                &format!("{} {key} {}", case["name"], class.class),
                Some(ours),
                theirs,
            );
            compared.set(compared.get() + 1);
        }
    });
    assert_eq!(compared.get(), 4 * 6 * 4, "cases, rules, classes");
}
