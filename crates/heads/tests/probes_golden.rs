//! The probes against scikit-learn, and the linear head against the probe it was made from.

use burn::tensor::{Tensor, TensorData};
use heads::{
    ClassWeights, FeatureTable, HeadArrays, HeadError, KnnConfig, KnnMetric, KnnProbe, LinearHead,
    LinearHeadConfig, LogisticConfig, LogisticProbe, Standardiser,
};
use serde_json::Value;
use testkit::{FlexBackend as B, Golden, Tolerance};

fn golden() -> Value {
    Golden::json("heads/probes.json")
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|v| v as f32).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|v| v as usize).collect()
}

/// Both sides are f64 sums of the same f32 features; only the order of summation differs.
const F64: Tolerance = Tolerance {
    name: "f64",
    relative: 1e-12,
};

/// Both optimisers stop with a gradient of about 1e-8; the value is flat there to second order.
const CONVERGED_VALUE: Tolerance = Tolerance {
    name: "value at convergence",
    relative: 1e-9,
};

fn assert_close(what: &str, actual: &[f64], expected: &[f64], tolerance: Tolerance) {
    let data = |v: &[f64]| TensorData::new(v.to_vec(), [v.len()]);
    testkit::assert_close(&data(actual), &data(expected), tolerance, what);
}

#[test]
fn standardiser_equals_scikit_learn() {
    let golden = golden();
    let train = floats(&golden["train"]);
    let fitted = Standardiser::fit(&FeatureTable::new(&train, 6).unwrap());
    assert_close("mean", &fitted.mean, &numbers(&golden["mean"]), F64);
    assert_close("scale", &fitted.std, &numbers(&golden["scale"]), F64);
}

#[test]
fn logistic_probe_equals_scikit_learn() {
    let golden = golden();
    let (train, test) = (floats(&golden["train"]), floats(&golden["test"]));
    let (table, queries) = (
        FeatureTable::new(&train, 6).unwrap(),
        FeatureTable::new(&test, 6).unwrap(),
    );
    let labels = indices(&golden["train_labels"]);
    for case in golden["logistic"].as_array().unwrap() {
        let config = LogisticConfig {
            l2: case["l2"].as_f64().unwrap(),
            tolerance: 1e-8,
            class_weights: if case["balanced"].as_bool().unwrap() {
                ClassWeights::Balanced
            } else {
                ClassWeights::None
            },
            ..LogisticConfig::default()
        };
        let probe = LogisticProbe::fit(&config, &table, &labels, 4).unwrap();
        assert!(probe.report.converged, "{:?}", probe.report);
        assert_close(
            "coef",
            &probe.weight,
            &numbers(&case["coef"]),
            Tolerance::F32,
        );
        // The bias is free up to a shift that is common to all classes; scikit-learn's start fixes the same one.
        assert_close(
            "intercept",
            &probe.bias,
            &numbers(&case["intercept"]),
            Tolerance::F32,
        );
        let objective = case["objective"].as_f64().unwrap();
        assert_close(
            "objective",
            &[probe.report.value],
            &[objective],
            CONVERGED_VALUE,
        );
        let p = probe.probabilities(&queries).unwrap();
        assert_close(
            "probabilities",
            &p,
            &numbers(&case["probabilities"]),
            Tolerance::F32,
        );
        assert_eq!(
            probe.predict(&queries).unwrap(),
            indices(&case["predictions"])
        );
    }
}

#[test]
fn knn_probe_equals_scikit_learn() {
    let golden = golden();
    let (train, test) = (floats(&golden["train"]), floats(&golden["test"]));
    let (table, queries) = (
        FeatureTable::new(&train, 6).unwrap(),
        FeatureTable::new(&test, 6).unwrap(),
    );
    let labels = indices(&golden["train_labels"]);
    for case in golden["knn"].as_array().unwrap() {
        let metric: KnnMetric = serde_json::from_value(case["metric"].clone()).unwrap();
        let k = case["k"].as_u64().unwrap() as usize;
        let probe = KnnProbe::fit(&KnnConfig { k, metric }, &table, &labels, 4).unwrap();
        let out = probe.predict(&queries).unwrap();
        let scores: Vec<f64> = out.scores.iter().map(|v| f64::from(*v)).collect();
        assert_close("scores", &scores, &numbers(&case["scores"]), Tolerance::F32);
        assert_eq!(out.labels, indices(&case["predictions"]), "{metric:?} {k}");
    }
}

#[test]
fn a_head_made_from_a_probe_gives_its_logits_and_folding_changes_nothing() {
    let golden = golden();
    let (train, test) = (floats(&golden["train"]), floats(&golden["test"]));
    let table = FeatureTable::new(&train, 6).unwrap();
    let queries = FeatureTable::new(&test, 6).unwrap();
    let labels = indices(&golden["train_labels"]);
    let probe = LogisticProbe::fit(&LogisticConfig::default(), &table, &labels, 4).unwrap();
    let device = Default::default();
    let head = LinearHead::<B>::from_probe(&probe, &device).unwrap();
    let folded = LinearHead::<B>::from_arrays(&head.to_arrays().folded(), &device).unwrap();
    let expected = probe.logits(&queries).unwrap();
    for head in [&head, &folded] {
        let x = Tensor::from_data(TensorData::new(test.clone(), [queries.rows(), 6]), &device);
        let logits: Vec<f64> = head
            .forward(x)
            .into_data()
            .iter::<f32>()
            .map(f64::from)
            .collect();
        assert_close("logits", &logits, &expected, Tolerance::F32);
    }
}

#[test]
fn head_round_trips_through_arrays_and_is_seeded() {
    let device = Default::default();
    let statistics = Standardiser {
        mean: vec![1.0, 2.0, 3.0],
        std: vec![0.5, 2.0, 4.0],
    };
    let init = |seed| {
        LinearHeadConfig::new(3, 5)
            .init::<B>(Some(&statistics), seed, &device)
            .unwrap()
            .to_arrays()
    };
    let arrays = init(11);
    assert_eq!(arrays, init(11));
    assert_ne!(arrays.weight, init(12).weight);
    assert!(arrays.weight.iter().all(|w| w.abs() <= 0.04 + 1e-6));
    assert_eq!(arrays.standardiser.as_ref(), Some(&statistics));
    let again = LinearHead::<B>::from_arrays(&arrays, &device).unwrap();
    assert_eq!(again.to_arrays(), arrays);
    assert_eq!(again.dims(), (3, 5));
}

#[test]
fn head_arrays_that_do_not_fit_are_errors() {
    let device = Default::default();
    let arrays = HeadArrays {
        weight: vec![0.0; 6],
        bias: vec![0.0; 2],
        standardiser: None,
    };
    let load = |a: &HeadArrays| LinearHead::<B>::from_arrays(a, &device).map(|_| ());
    assert_eq!(load(&arrays), Ok(()));
    let ragged = HeadArrays {
        weight: vec![0.0; 7],
        ..arrays.clone()
    };
    assert!(matches!(load(&ragged), Err(HeadError::Length { .. })));
    let foreign = HeadArrays {
        standardiser: Some(Standardiser::identity(4)),
        ..arrays.clone()
    };
    assert!(matches!(load(&foreign), Err(HeadError::Dimension { .. })));
    let flat = HeadArrays {
        standardiser: Some(Standardiser {
            mean: vec![0.0; 3],
            std: vec![1.0, 0.0, 1.0],
        }),
        ..arrays.clone()
    };
    assert!(matches!(load(&flat), Err(HeadError::Setting { .. })));
    let empty = HeadArrays {
        weight: vec![],
        bias: vec![],
        standardiser: None,
    };
    assert!(matches!(load(&empty), Err(HeadError::Empty { .. })));
    assert!(
        LinearHeadConfig::new(0, 3)
            .init::<B>(None, 0, &device)
            .is_err()
    );
}
