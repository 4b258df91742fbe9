//! Metrics on examples computed by hand, and on bad input.

use eval::EvalError;
use eval::metric::{
    AbsentClasses, ClassGroup, ClassGroups, ConfusionMatrix, GroupF1, Probabilities, evaluate,
    names,
};

fn classes(n: usize) -> Vec<String> {
    ["water", "forest", "town", "ice"][..n]
        .iter()
        .map(|name| name.to_string())
        .collect()
}

/// Rows: water 4 (3 right), forest 3 (2 right), town 2 (1 right).
fn three() -> ConfusionMatrix {
    ConfusionMatrix::from_counts(&classes(3), &[vec![3, 1, 0], vec![0, 2, 1], vec![1, 0, 1]])
        .unwrap()
}

#[track_caller]
fn close(ours: Option<f64>, expected: f64) {
    let ours = ours.expect("defined");
    assert!((ours - expected).abs() < 1e-12, "{ours} is not {expected}");
}

#[test]
fn three_classes_by_hand() {
    let cm = three();
    close(cm.accuracy(), 6.0 / 9.0);
    close(
        cm.balanced_accuracy(),
        (3.0 / 4.0 + 2.0 / 3.0 + 1.0 / 2.0) / 3.0,
    );
    // Columns sum to 4, 3, 2 like the rows: p_e = (16 + 9 + 4) / 81.
    close(cm.kappa(), (6.0 / 9.0 - 29.0 / 81.0) / (1.0 - 29.0 / 81.0));
    let scores = cm.per_class();
    assert_eq!((scores[0].support, scores[0].predicted), (4, 4));
    close(scores[0].f1, 6.0 / 8.0);
    close(scores[0].iou, 3.0 / 5.0);
    close(scores[1].precision, 2.0 / 3.0);
    close(scores[2].recall, 0.5);
    close(
        cm.mean_iou(AbsentClasses::CountAsZero),
        (3.0 / 5.0 + 2.0 / 4.0 + 1.0 / 3.0) / 3.0,
    );
    close(
        cm.frequency_weighted_iou(),
        (4.0 * 0.6 + 3.0 * 0.5 + 2.0 / 3.0) / 9.0,
    );
    close(cm.mean_iou_of(&[0, 2]), (0.6 + 1.0 / 3.0) / 2.0);
}

#[test]
fn group_definitions_differ_as_documented() {
    let cm = three();
    // Group {water}: its 4 samples are predicted water x3, forest x1. Official: F1(water) = 6/(4+3), F1(forest) = 0.
    close(cm.group_f1(&[0], GroupF1::Official), (6.0 / 7.0) / 2.0);
    // Clean: the town sample predicted as water counts against water.
    close(
        cm.group_f1(&[0], GroupF1::Clean(AbsentClasses::CountAsZero)),
        6.0 / 8.0,
    );
    let absent = ConfusionMatrix::from_counts(&classes(2), &[vec![2, 0], vec![0, 0]]).unwrap();
    assert_eq!(absent.group_f1(&[1], GroupF1::Official), None);
    assert_eq!(
        absent.group_f1(&[1], GroupF1::Clean(AbsentClasses::SkipUnseen)),
        None
    );
    assert_eq!(
        absent.group_f1(&[1], GroupF1::Clean(AbsentClasses::CountAsZero)),
        Some(0.0)
    );
}

#[test]
fn absent_classes_follow_the_policy() {
    // forest is predicted once but never true; town does not occur at all.
    let cm =
        ConfusionMatrix::from_counts(&classes(3), &[vec![2, 1, 0], vec![0, 0, 0], vec![0, 0, 0]])
            .unwrap();
    let water = 4.0 / 5.0;
    close(cm.macro_f1(AbsentClasses::SkipWithoutTruth), water);
    close(cm.macro_f1(AbsentClasses::SkipUnseen), water / 2.0);
    close(cm.macro_f1(AbsentClasses::CountAsZero), water / 3.0);
    let scores = cm.per_class();
    assert_eq!(
        (scores[1].recall, scores[1].precision, scores[1].f1),
        (None, Some(0.0), Some(0.0))
    );
    assert_eq!(
        (
            scores[2].recall,
            scores[2].precision,
            scores[2].f1,
            scores[2].iou
        ),
        (None, None, None, None)
    );
}

#[test]
fn an_ignore_label_leaves_samples_and_its_class_out() {
    let mut outside = ConfusionMatrix::new(&classes(2))
        .unwrap()
        .with_ignore_label(255);
    outside.add_all(&[0, 255, 1, 255], &[0, 1, 0, 77]).unwrap();
    assert_eq!((outside.total(), outside.ignored()), (2, 2));
    let mut inside = ConfusionMatrix::new(&classes(3))
        .unwrap()
        .with_ignore_label(0);
    inside.add_all(&[0, 1, 1, 2], &[1, 1, 0, 2]).unwrap();
    assert_eq!((inside.total(), inside.ignored()), (3, 1));
    // forest: one of two found, the other went to the ignored class, which itself takes part in no mean.
    close(
        inside.macro_recall(AbsentClasses::CountAsZero),
        (0.5 + 1.0) / 2.0,
    );
    close(
        inside.mean_iou(AbsentClasses::CountAsZero),
        (0.5 + 1.0) / 2.0,
    );
}

#[test]
fn nothing_counted_is_undefined_not_zero() {
    let cm = ConfusionMatrix::new(&classes(2)).unwrap();
    assert_eq!(
        (
            cm.accuracy(),
            cm.kappa(),
            cm.balanced_accuracy(),
            cm.weighted_f1()
        ),
        (None, None, None, None)
    );
    assert_eq!(cm.frequency_weighted_iou(), None);
    assert_eq!(cm.macro_f1(AbsentClasses::SkipUnseen), None);
    let one = ConfusionMatrix::from_labels(&classes(2), &[0, 0], &[0, 0]).unwrap();
    assert_eq!(one.kappa(), None);
    let none = Probabilities::from_logits(&[], 3).unwrap();
    assert_eq!(none.log_loss(&[]).unwrap(), None);
    assert_eq!(none.reliability(&[], 10).unwrap().ece, None);
}

#[test]
fn bad_labels_are_named_and_leave_the_matrix_alone() {
    let mut cm = three();
    let before = cm.clone();
    let error = cm.add_all(&[0, 3], &[0, 0]).unwrap_err();
    assert!(
        error.to_string().contains("true label 3 of sample 1"),
        "{error}"
    );
    let error = cm.add_all(&[0], &[9]).unwrap_err();
    assert!(
        error.to_string().contains("predicted label 9 of sample 0"),
        "{error}"
    );
    assert!(matches!(
        cm.add_all(&[0, 1], &[0]),
        Err(EvalError::Length { .. })
    ));
    assert_eq!(cm, before);
    assert!(matches!(
        ConfusionMatrix::new(&[]),
        Err(EvalError::Classes { .. })
    ));
    let twice = ["a".to_string(), "a".to_string()];
    assert!(
        ConfusionMatrix::new(&twice)
            .unwrap_err()
            .to_string()
            .contains("`a` occurs twice")
    );
    assert!(
        cm.merge(&ConfusionMatrix::new(&classes(2)).unwrap())
            .is_err()
    );
    let full = ConfusionMatrix::from_counts(&classes(1), &[vec![u64::MAX]]).unwrap();
    assert!(full.clone().merge(&full).is_err());
    assert!(ConfusionMatrix::from_counts(&classes(2), &[vec![u64::MAX, 1], vec![0, 0]]).is_err());
    assert_eq!((full.count(5, 0), full.row(usize::MAX).len()), (0, 0));
}

#[test]
fn a_matrix_survives_json_and_bad_json_does_not_panic() {
    let cm = three().with_ignore_label(255);
    let text = serde_json::to_string(&cm).unwrap();
    assert_eq!(serde_json::from_str::<ConfusionMatrix>(&text).unwrap(), cm);
    for bad in [
        r#"{"classes":["a","b"],"ignore_label":null,"ignored":0,"counts":[[1,2]]}"#,
        r#"{"classes":["a","b"],"ignore_label":null,"ignored":0,"counts":[[1],[2]]}"#,
        r#"{"classes":["a"],"ignore_label":null,"ignored":0,"counts":[[-1]]}"#,
        r#"{"classes":[],"ignore_label":null,"ignored":0,"counts":[]}"#,
        r#"{"classes":["a"],"ignore_label":null,"ignored":0,"counts":[[1]],"extra":1}"#,
    ] {
        assert!(
            serde_json::from_str::<ConfusionMatrix>(bad).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn groups_by_training_counts() {
    let counts = [500, 10, 60, 101, 20, 100];
    let liu = ClassGroups::by_training_count(&counts, 100, 20).unwrap();
    let of = |groups: &ClassGroups| {
        groups
            .groups()
            .iter()
            .map(|g| (g.name.clone(), g.classes.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(&liu),
        [
            ("head".into(), vec![0, 3]),
            ("middle".into(), vec![2, 4, 5]),
            ("tail".into(), vec![1])
        ]
    );
    let rank = ClassGroups::by_training_rank(&counts, 2, 2).unwrap();
    assert_eq!(
        of(&rank),
        [
            ("head".into(), vec![0, 3]),
            ("middle".into(), vec![5, 2]),
            ("tail".into(), vec![4, 1])
        ]
    );
    assert!(ClassGroups::by_training_rank(&counts, 4, 3).is_err());
    assert!(ClassGroups::by_training_rank(&counts, 0, 7).is_err());
    assert!(ClassGroups::by_training_count(&counts, 10, 200).is_err());
    let group = |name: &str, classes: &[usize]| ClassGroup {
        name: name.into(),
        classes: classes.to_vec(),
    };
    for bad in [
        vec![group("a", &[])],
        vec![group("a", &[6])],
        vec![group("a", &[1]), group("b", &[1])],
    ] {
        assert!(matches!(
            ClassGroups::new(6, bad),
            Err(EvalError::Classes { .. })
        ));
    }
}

#[test]
fn calibration_by_hand() {
    // Confidences 0.5 (right), 0.6 (wrong), 0.9 (right), 1.0 (right); two bins (0, 0.5] and (0.5, 1].
    let p =
        Probabilities::from_probabilities(&[0.5, 0.5, 0.6, 0.4, 0.1, 0.9, 0.0, 1.0], 2).unwrap();
    let r = p.reliability(&[0, 1, 1, 1], 2).unwrap();
    assert_eq!(
        r.bins.iter().map(|bin| bin.count).collect::<Vec<_>>(),
        [1, 3]
    );
    let gap = (2.5f64 / 3.0 - 2.0 / 3.0).abs();
    let within =
        |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-7, "{a:?} is not {b}");
    within(r.ece, 0.25 * 0.5 + 0.75 * gap);
    within(r.mce, 0.5);
    // Ties of the top class go to the lower index, in predictions and in top-k alike.
    assert_eq!(p.predictions(), [0, 0, 1, 1]);
    assert_eq!(p.top_k_accuracy(&[1, 1, 1, 1], 1).unwrap(), Some(0.5));
    assert_eq!(p.top_k_accuracy(&[1, 1, 1, 1], 2).unwrap(), Some(1.0));
    within(
        p.brier(&[0, 1, 1, 1]).unwrap(),
        (0.5 + 0.72 + 0.02 + 0.0) / 4.0,
    );
    // A certain and wrong prediction costs a finite amount.
    assert!(p.log_loss(&[0, 0, 0, 0]).unwrap().unwrap().is_finite());
}

#[test]
fn bad_probabilities_are_refused() {
    assert!(Probabilities::from_probabilities(&[0.5, 0.5, 0.1], 2).is_err());
    assert!(
        Probabilities::from_probabilities(&[0.5, 0.4], 2)
            .unwrap_err()
            .to_string()
            .contains("from_logits")
    );
    assert!(Probabilities::from_probabilities(&[1.5, -0.5], 2).is_err());
    assert!(
        Probabilities::from_logits(&[f32::NAN, 0.0], 2)
            .unwrap_err()
            .to_string()
            .contains("sample 0, class 0")
    );
    assert!(Probabilities::from_logits(&[1.0], 0).is_err());
    let p = Probabilities::from_logits(&[1.0, 0.0], 2).unwrap();
    assert!(p.log_loss(&[2]).is_err() && p.log_loss(&[0, 0]).is_err());
    assert!(p.top_k_accuracy(&[0], 0).is_err());
    assert!(p.reliability(&[0], 0).is_err() && p.reliability(&[0], 100_000).is_err());
}

#[test]
fn evaluate_names_every_metric() {
    let groups = ClassGroups::by_training_rank(&[9, 5, 1], 1, 1).unwrap();
    let p = Probabilities::from_logits(&[2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 2.0, 0.0, 0.0], 3).unwrap();
    let result = evaluate(
        &classes(3),
        &[0, 1, 2],
        &p.predictions(),
        Some(&p),
        Some(&groups),
    )
    .unwrap();
    for name in [
        names::ACCURACY,
        names::MACRO_F1,
        names::ECE,
        names::LOG_LOSS,
        "f1_head_official",
        "f1_tail_clean",
    ] {
        assert!(result.metrics[name].is_some(), "{name}");
    }
    assert!(!result.metrics.contains_key(names::TOP_5));
    assert_eq!(names::style("f1_tail_clean").title, "F1 tail (clean)");
    assert!(!names::style("ece").higher_is_better);
    assert_eq!(names::style("something_else").title, "something_else");
    let four = Probabilities::from_logits(&[0.0; 12], 4).unwrap();
    assert!(evaluate(&classes(3), &[0, 1, 2], &[0, 1, 2], Some(&four), None).is_err());
}
