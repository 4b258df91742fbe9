//! Metrics against scikit-learn (assets/golden/eval/export_metrics.py).

use eval::metric::{AbsentClasses, ClassScore, ConfusionMatrix, GroupF1, Probabilities};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../assets/golden/eval/metrics.json")).unwrap()
}

fn labels(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap() as usize)
        .collect()
}

fn names(n: u64) -> Vec<String> {
    (0..n).map(|i| format!("class {i}")).collect()
}

#[track_caller]
fn close(what: &str, ours: Option<f64>, theirs: &Value) {
    match (ours, theirs.as_f64()) {
        (Some(a), Some(b)) => assert!(
            (a - b).abs() <= 1e-12 * b.abs().max(1.0),
            "{what}: ours {a}, theirs {b}"
        ),
        (None, None) => {}
        (a, b) => panic!("{what}: ours {a:?}, theirs {b:?}"),
    }
}

#[test]
fn confusion_metrics_equal_scikit_learn() {
    for case in golden()["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let classes = names(case["classes"].as_u64().unwrap());
        let cm = ConfusionMatrix::from_labels(
            &classes,
            &labels(&case["truth"]),
            &labels(&case["predicted"]),
        )
        .unwrap();
        for (t, row) in case["confusion"].as_array().unwrap().iter().enumerate() {
            assert_eq!(
                labels(row),
                cm.row(t).iter().map(|&n| n as usize).collect::<Vec<_>>(),
                "{name}"
            );
        }
        close(name, cm.accuracy(), &case["accuracy"]);
        close(name, cm.balanced_accuracy(), &case["balanced_accuracy"]);
        close(name, cm.kappa(), &case["kappa"]);
        close(name, cm.weighted_f1(), &case["weighted_f1"]);
        for (policy, key) in [
            (AbsentClasses::SkipUnseen, "present"),
            (AbsentClasses::CountAsZero, "all"),
        ] {
            let ours = [
                cm.macro_precision(policy),
                cm.macro_recall(policy),
                cm.macro_f1(policy),
                cm.mean_iou(policy),
            ];
            for (ours, theirs) in ours.into_iter().zip(case[key].as_array().unwrap()) {
                close(&format!("{name} {key}"), ours, theirs);
            }
        }
        let scores = cm.per_class();
        for (class, theirs) in case["per_class_present"].as_object().unwrap() {
            let ClassScore {
                precision,
                recall,
                f1,
                iou,
                ..
            } = scores[class.parse::<usize>().unwrap()].clone();
            for (ours, theirs) in [precision, recall, f1, iou]
                .into_iter()
                .zip(theirs.as_array().unwrap())
            {
                close(&format!("{name} class {class}"), ours, theirs);
            }
        }
        for (i, group) in case["groups"].as_array().unwrap().iter().enumerate() {
            let group = labels(group);
            close(
                name,
                cm.group_f1(&group, GroupF1::Official),
                &case["group_official"][i],
            );
            close(
                name,
                cm.group_f1(&group, GroupF1::Clean(AbsentClasses::CountAsZero)),
                &case["group_clean"][i],
            );
        }
    }
}

#[test]
fn probability_metrics_equal_scikit_learn() {
    let golden = golden();
    let case = golden["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == "probabilities")
        .unwrap();
    let logits: Vec<f32> = case["logits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap() as f32)
        .collect();
    let truth = labels(&case["truth"]);
    let probabilities = Probabilities::from_logits(&logits, 5).unwrap();
    assert_eq!(probabilities.predictions(), labels(&case["predicted"]));
    close(
        "log loss",
        probabilities.log_loss(&truth).unwrap(),
        &case["log_loss"],
    );
    close(
        "brier",
        probabilities.brier(&truth).unwrap(),
        &case["brier"],
    );
    for (k, theirs) in case["top_k"].as_object().unwrap() {
        close(
            "top k",
            probabilities
                .top_k_accuracy(&truth, k.parse().unwrap())
                .unwrap(),
            theirs,
        );
    }
    for (bins, theirs) in case["ece"].as_object().unwrap() {
        let ours = probabilities
            .reliability(&truth, bins.parse().unwrap())
            .unwrap();
        close("ece", ours.ece, &theirs[0]);
        close("mce", ours.mce, &theirs[1]);
        assert_eq!(ours.bins.iter().map(|bin| bin.count).sum::<u64>(), 80);
    }
}
