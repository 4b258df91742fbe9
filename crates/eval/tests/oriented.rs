//! Rules of the evaluation of oriented boxes, by hand-made cases and properties.

use eval::EvalError;
use eval::metric::{ClassGroup, ClassGroups};
use eval::oriented::{
    ApMethod, DifficultObjects, GroundTruth, ImageTruth, OrientedEvaluation, OrientedRules,
    ScoredBox, TruthObject, UnknownClasses, evaluate_oriented, read_image_list, read_labels,
    read_results, write_results,
};
use oriented_boxes::{Bounds, Quad};
use proptest::prelude::*;

fn square(x: f64, y: f64) -> Quad {
    Quad::from_bounds(&Bounds {
        left: x,
        top: y,
        right: x + 10.0,
        bottom: y + 10.0,
    })
    .unwrap()
}

fn object(class: usize, x: f64, difficult: bool) -> TruthObject {
    TruthObject {
        class,
        quad: square(x, 0.0),
        difficult,
    }
}

fn found(image: usize, x: f64, score: f64) -> ScoredBox {
    ScoredBox {
        image,
        score,
        quad: square(x, 0.0),
    }
}

fn truth(images: Vec<Vec<TruthObject>>) -> GroundTruth {
    let images = images
        .into_iter()
        .enumerate()
        .map(|(k, objects)| ImageTruth {
            name: format!("P{k:04}"),
            objects,
        })
        .collect();
    GroundTruth::new(vec!["ship".into(), "plane".into()], images).unwrap()
}

fn area() -> OrientedRules {
    OrientedRules {
        method: ApMethod::Area,
        ..OrientedRules::default()
    }
}

fn ap(truth: &GroundTruth, ships: &[ScoredBox], rules: &OrientedRules) -> Option<f64> {
    let all = vec![ships.to_vec(), Vec::new()];
    let scores = evaluate_oriented(truth, &all, rules, None).unwrap();
    scores.thresholds[0].classes[0].ap
}

#[test]
fn doubles_are_wrong_and_difficult_objects_are_neither() {
    let one = truth(vec![vec![object(0, 0.0, false), object(0, 50.0, true)]]);
    // The double comes after the only object was found: no precision is lost at recall 1.
    let doubled = [found(0, 0.0, 0.9), found(0, 1.0, 0.8)];
    assert_eq!(ap(&one, &doubled, &area()), Some(1.0));
    // The difficult object is found first and counts for nothing.
    let hard_first = [found(0, 50.0, 0.9), found(0, 0.0, 0.8)];
    assert_eq!(ap(&one, &hard_first, &area()), Some(1.0));
    let counted = OrientedRules {
        difficult: DifficultObjects::Count,
        ..area()
    };
    assert_eq!(ap(&one, &hard_first[..1], &counted), Some(0.5));
    // An invention first: precision 1/2 at recall 1.
    let invented = [found(0, 200.0, 0.9), found(0, 0.0, 0.8)];
    assert_eq!(ap(&one, &invented, &area()), Some(0.5));
    // The same place in another image is an invention.
    let two = truth(vec![vec![object(0, 0.0, false)], vec![]]);
    assert_eq!(ap(&two, &[found(1, 0.0, 0.9)], &area()), Some(0.0));
}

#[test]
fn a_threshold_must_be_exceeded() {
    let one = truth(vec![vec![object(0, 0.0, false)]]);
    // 5 of 10 pixels in common: IoU 1/3.
    let half = [found(0, 5.0, 0.9)];
    let at = |iou| {
        let rules = OrientedRules {
            thresholds: vec![iou],
            ..area()
        };
        ap(&one, &half, &rules)
    };
    assert_eq!(at(0.33), Some(1.0));
    assert_eq!(at(0.34), Some(0.0));
    // Touching boxes have nothing in common, whatever the threshold.
    let rules = OrientedRules {
        thresholds: vec![0.0],
        ..area()
    };
    assert_eq!(ap(&one, &[found(0, 10.0, 0.9)], &rules), Some(0.0));
}

#[test]
fn means_leave_out_classes_without_objects() {
    let only_ships = truth(vec![vec![object(0, 0.0, false)], vec![]]);
    let all = vec![vec![found(0, 0.0, 0.9)], vec![found(0, 0.0, 0.9)]];
    let groups = ClassGroups::new(
        2,
        vec![
            ClassGroup {
                name: "head".into(),
                classes: vec![0],
            },
            ClassGroup {
                name: "tail".into(),
                classes: vec![1],
            },
        ],
    )
    .unwrap();
    let rules = OrientedRules {
        thresholds: vec![0.5, 0.75],
        ..OrientedRules::default()
    };
    let scores = evaluate_oriented(&only_ships, &all, &rules, Some(&groups)).unwrap();
    for at in &scores.thresholds {
        assert!((at.mean.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(at.classes[1].ap, None);
        assert_eq!((at.classes[1].wrong, at.classes[1].recall), (1, None));
        assert!((at.groups[0].ap.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!((at.groups[1].ap, at.groups[1].classes), (None, 0));
    }
    let table = scores.markdown();
    assert!(
        table.contains("| ship | 1 | 0 | 1 | 100.00 | 100.00 |"),
        "{table}"
    );
    assert!(table.contains("| plane | 0 | 0 | 1 | - | - |"), "{table}");
    assert!(table.contains("IoU > 0.75, 2 images"), "{table}");
    let json = serde_json::to_string(&scores).unwrap();
    let back: OrientedEvaluation = serde_json::from_str(&json).unwrap();
    assert_eq!(back, scores);
}

#[test]
fn contradictions_are_errors() {
    let one = truth(vec![vec![object(0, 0.0, false)]]);
    let none = || vec![Vec::new(), Vec::new()];
    let evaluate = |all: &[Vec<ScoredBox>], thresholds: Vec<f64>| {
        let rules = OrientedRules {
            thresholds,
            ..OrientedRules::default()
        };
        evaluate_oriented(&one, all, &rules, None)
    };
    assert!(evaluate(&none(), vec![0.5]).is_ok());
    assert!(matches!(
        evaluate(&none()[..1], vec![0.5]),
        Err(EvalError::Length { .. })
    ));
    for thresholds in [vec![], vec![1.0], vec![-0.1], vec![f64::NAN]] {
        assert!(matches!(
            evaluate(&none(), thresholds),
            Err(EvalError::Value { .. })
        ));
    }
    for bad in [found(1, 0.0, 0.5), found(0, 0.0, f64::NAN)] {
        assert!(matches!(
            evaluate(&[vec![bad], vec![]], vec![0.5]),
            Err(EvalError::Value { .. })
        ));
    }
    let image = |class| ImageTruth {
        name: "P".into(),
        objects: vec![object(class, 0.0, false)],
    };
    let new = |classes: &[&str], images| {
        GroundTruth::new(classes.iter().map(|c| c.to_string()).collect(), images)
    };
    assert!(matches!(
        new(&["a"], vec![image(1)]),
        Err(EvalError::Label { .. })
    ));
    assert!(matches!(
        new(&["a"], vec![image(0), image(0)]),
        Err(EvalError::Duplicate { .. })
    ));
    assert!(matches!(new(&[], vec![]), Err(EvalError::Classes { .. })));
    assert!(matches!(
        new(&["a", "a"], vec![]),
        Err(EvalError::Classes { .. })
    ));
}

#[test]
fn folders_are_written_and_read_and_bad_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("labelTxt");
    std::fs::create_dir(&labels).unwrap();
    let put = |name: &str, text: &str| std::fs::write(labels.join(name), text).unwrap();
    put(
        "P1.txt",
        "imagesource:GoogleEarth\ngsd:0.1\n0 0 10 0 10 10 0 10 ship 0\n",
    );
    put("P2.txt", "");
    put("P3.txt", "0 0 10 0 10 10 0 10 plane 2\n");
    put("notes.md", "no labels");
    let classes = ["ship", "plane"].map(str::to_owned);
    let read = |images: Option<&[String]>, unknown| read_labels(&labels, &classes, images, unknown);
    let truth = read(None, UnknownClasses::Refuse).unwrap();
    let names: Vec<&str> = truth.images().iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["P1", "P2", "P3"]);
    assert!(truth.images()[2].objects[0].difficult);

    let results = folder.path().join("results");
    let detections = vec![vec![found(0, 0.0, 0.75), found(2, 1.5, 0.25)], vec![]];
    let written = write_results(&results, &truth, &detections).unwrap();
    assert!(written[1].ends_with("Task1_plane.txt"));
    assert_eq!(read_results(&results, &truth).unwrap(), detections);

    // One after the other: what can be wrong with the files.
    let spoil = |name: &str, text: &str| {
        std::fs::write(results.join(name), text).unwrap();
        let error = read_results(&results, &truth).unwrap_err().to_string();
        std::fs::write(results.join(name), "").unwrap();
        error
    };
    let error = spoil(
        "Task1_ship.txt",
        "P1 0.5 0 0 1 0 1 1 0 1\nP9 0.5 0 0 1 0 1 1 0 1\n",
    );
    assert!(
        error.contains("Task1_ship.txt, line 2: image `P9`"),
        "{error}"
    );
    let error = spoil("Task1_ship.txt", "P1 0.5 0 0 1 0 1 1 0\n");
    assert!(
        error.contains("Task1_ship.txt, line 1: expected image score"),
        "{error}"
    );
    std::fs::remove_file(results.join("Task1_plane.txt")).unwrap();
    let error = read_results(&results, &truth).unwrap_err();
    assert!(matches!(error, EvalError::MissingResults { .. }), "{error}");

    put("P4.txt", "gsd:1\n0 0 10 0 10 10 0 10 airport 0\n");
    let error = read(None, UnknownClasses::Refuse).unwrap_err().to_string();
    assert!(error.contains("P4.txt, line 2: class `airport`"), "{error}");
    let truth = read(None, UnknownClasses::Skip).unwrap();
    assert!(truth.images()[3].objects.is_empty());
    put("P4.txt", "0 0 10 0 10 10 0 ship 0\n");
    let error = read(None, UnknownClasses::Skip).unwrap_err().to_string();
    assert!(
        error.contains("P4.txt, line 1: expected a number"),
        "{error}"
    );
    let list = folder.path().join("set.txt");
    std::fs::write(&list, "P2\n\nP1.png\n").unwrap();
    let names = read_image_list(&list).unwrap();
    let truth = read(Some(&names), UnknownClasses::Refuse).unwrap();
    assert_eq!(truth.images().len(), 2);
    assert!(read(Some(&["P7".into()]), UnknownClasses::Refuse).is_err());
    std::fs::write(&list, "\n").unwrap();
    assert!(read_image_list(&list).is_err());
    assert!(read_labels(&results.join("none"), &classes, None, UnknownClasses::Skip).is_err());
    let slash = vec!["a/b".to_owned()];
    let truth = GroundTruth::new(slash, vec![]).unwrap();
    assert!(write_results(&results, &truth, &[vec![]]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_shares_that_fall_with_the_threshold(
        objects in prop::collection::vec((0usize..3, 0.0..300.0f64, prop::bool::weighted(0.2)), 1..20),
        detections in prop::collection::vec((0usize..3, 0.0..300.0f64, 0.0..1.0f64), 0..40),
    ) {
        let mut images = vec![Vec::new(), Vec::new(), Vec::new()];
        for (image, x, difficult) in objects {
            images[image].push(object(0, x, difficult));
        }
        let truth = truth(images);
        let ships: Vec<ScoredBox> = detections.iter().map(|&(i, x, s)| found(i, x, s)).collect();
        for method in [ApMethod::Voc07, ApMethod::Area] {
            let rules = OrientedRules { thresholds: vec![0.1, 0.3, 0.5, 0.7, 0.9], method, ..OrientedRules::default() };
            let all = vec![ships.clone(), Vec::new()];
            let scores = evaluate_oriented(&truth, &all, &rules, None).unwrap();
            for at in &scores.thresholds {
                let class = &at.classes[0];
                prop_assert!(class.right + class.wrong <= class.detections);
                prop_assert!(class.right <= class.objects);
                if let Some(ap) = class.ap {
                    prop_assert!((0.0..=1.0 + 1e-12).contains(&ap));
                    prop_assert!(method == ApMethod::Voc07 || ap <= class.recall.unwrap() + 1e-12);
                }
            }
            let rights: Vec<usize> = scores.thresholds.iter().map(|at| at.classes[0].right).collect();
            prop_assert!(rights.windows(2).all(|pair| pair[0] >= pair[1]), "{rights:?}");
            // Any increasing map of the scores leaves the numbers alone.
            let mapped: Vec<ScoredBox> = ships.iter().map(|b| ScoredBox { score: b.score.exp() * 7.0, ..*b }).collect();
            let again = evaluate_oriented(&truth, &[mapped, Vec::new()], &rules, None).unwrap();
            prop_assert_eq!(again, scores);
        }
    }

    #[test]
    fn the_truth_itself_scores_one(places in prop::collection::vec(0u8..20, 1..12)) {
        // Far enough apart to be different objects.
        let mut places = places;
        places.sort_unstable();
        places.dedup();
        let objects = places.iter().map(|&p| object(0, f64::from(p) * 20.0, false)).collect();
        let ships: Vec<ScoredBox> = places.iter().map(|&p| found(0, f64::from(p) * 20.0, f64::from(p))).collect();
        let truth = truth(vec![objects]);
        for method in [ApMethod::Voc07, ApMethod::Area] {
            let rules = OrientedRules { method, ..OrientedRules::default() };
            prop_assert!((ap(&truth, &ships, &rules).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}
