//! Cross-entropy against PyTorch: value and gradient, every option, and finite differences of the whole head.

use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module};
use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use heads::{
    ClassWeights, CrossEntropy, CrossEntropyConfig, HeadError, LinearHeadConfig, Standardiser,
};
use serde_json::Value;

type B = Autodiff<Flex>;

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

/// Largest difference relative to the largest expected magnitude.
fn relative(actual: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(1e-30, |m: f64, v| m.max(v.abs()));
    actual
        .iter()
        .zip(expected)
        .map(|(a, e)| (f64::from(*a) - e).abs() / scale)
        .fold(0.0, f64::max)
}

#[test]
fn cross_entropy_and_its_gradient_equal_pytorch() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../assets/golden/heads/losses.json")).unwrap();
    let device = Default::default();
    for case in golden["cases"].as_array().unwrap() {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let config = CrossEntropyConfig {
            ignore_index: case["ignore_index"].as_i64(),
            class_weights: match &case["weights"] {
                Value::Null => ClassWeights::None,
                list => ClassWeights::List(numbers(list)),
            },
            label_smoothing: case["smoothing"].as_f64().unwrap(),
        };
        let loss = CrossEntropy::new(&config, classes, None).unwrap();
        let targets: Vec<i64> = numbers(&case["targets"])
            .iter()
            .map(|v| *v as i64)
            .collect();
        let values: Vec<f32> = numbers(&case["logits"]).iter().map(|v| *v as f32).collect();
        let rows = targets.len();
        let logits = Tensor::<B, 2>::from_data(TensorData::new(values, [rows, classes]), &device)
            .require_grad();
        let targets = loss.targets::<B>(&targets, &device).unwrap();
        let value = loss.forward(logits.clone(), &targets);
        let gradient = logits.grad(&value.backward()).unwrap();
        let value: Vec<f32> = value.into_data().to_vec().unwrap();
        let gradient: Vec<f32> = gradient.into_data().to_vec().unwrap();
        let name = case["name"].as_str().unwrap();
        let error = relative(&value, &[case["loss"].as_f64().unwrap()]);
        assert!(error < 1e-5, "{name}: loss off by {error:e}");
        let error = relative(&gradient, &numbers(&case["gradient"]));
        assert!(error < 1e-5, "{name}: gradient off by {error:e}");
    }
}

#[test]
fn a_batch_without_counted_rows_gives_zero_and_no_gradient() {
    let device = Default::default();
    let config = CrossEntropyConfig {
        ignore_index: Some(255),
        label_smoothing: 0.1,
        ..CrossEntropyConfig::default()
    };
    let loss = CrossEntropy::new(&config, 3, None).unwrap();
    let logits =
        Tensor::<B, 2>::from_floats([[1.0, 2.0, 3.0], [0.0, 1e4, -1e4]], &device).require_grad();
    let targets = loss.targets::<B>(&[255, 255], &device).unwrap();
    assert_eq!((targets.total_weight(), targets.ignored()), (0.0, 2));
    let value = loss.forward(logits.clone(), &targets);
    let gradient = logits.grad(&value.backward()).unwrap();
    assert_eq!(value.into_scalar(), 0.0);
    assert!(gradient.into_data().iter::<f32>().all(|v| v == 0.0));
}

#[test]
fn dense_predictions_are_the_same_mean() {
    let device = Default::default();
    let loss = CrossEntropy::new(&CrossEntropyConfig::default(), 2, None).unwrap();
    // [1, 2 classes, 1, 3 pixels]
    let map = Tensor::<Flex, 4>::from_floats([[[[1.0, 2.0, 3.0]], [[0.5, -1.0, 4.0]]]], &device);
    let rows = Tensor::<Flex, 2>::from_floats([[1.0, 0.5], [2.0, -1.0], [3.0, 4.0]], &device);
    let targets = loss
        .targets_of_classes::<Flex>(&[0, 1, 1], &device)
        .unwrap();
    let a = loss.forward_map(map, &targets).into_scalar();
    let b = loss.forward(rows, &targets).into_scalar();
    assert_eq!(a, b);
}

#[test]
fn labels_and_settings_outside_their_range_are_errors() {
    let device = Default::default();
    let loss = CrossEntropy::new(&CrossEntropyConfig::default(), 3, None).unwrap();
    for (labels, label) in [([0, 3], 3), ([0, -1], -1), ([0, 255], 255)] {
        let error = loss.targets::<Flex>(&labels, &device).unwrap_err();
        assert_eq!(
            error,
            HeadError::Label {
                row: 1,
                label,
                classes: 3
            }
        );
    }
    let smoothing = |label_smoothing| CrossEntropyConfig {
        label_smoothing,
        ..CrossEntropyConfig::default()
    };
    for bad in [1.0, -0.1, f64::NAN] {
        assert!(CrossEntropy::new(&smoothing(bad), 3, None).is_err());
    }
    assert!(CrossEntropy::new(&smoothing(0.0), 0, None).is_err());
}

#[test]
fn only_the_linear_map_of_a_standardising_head_is_trainable() {
    let device = Default::default();
    let statistics = Standardiser {
        mean: vec![1.0, -2.0, 0.5],
        std: vec![2.0, 0.5, 1.0],
    };
    let head = LinearHeadConfig::new(3, 2)
        .init::<B>(Some(&statistics), 7, &device)
        .unwrap();
    let x = Tensor::<B, 2>::from_floats([[3.0, -2.5, 0.0], [0.0, 1.0, 2.0]], &device);
    let loss = CrossEntropy::new(&CrossEntropyConfig::default(), 2, None).unwrap();
    let targets = loss.targets_of_classes::<B>(&[1, 0], &device).unwrap();
    let grads = loss.forward(head.forward(x), &targets).backward();
    let params = burn::optim::GradientsParams::from_grads(grads, &head);
    assert_eq!(params.len(), 2, "weight and bias only");
    let (mean, inverse) = (
        head.mean.as_ref().unwrap(),
        head.inverse_std.as_ref().unwrap(),
    );
    assert!(!mean.is_require_grad() && !inverse.is_require_grad());
    // The flags survive the change to the inner backend and back.
    let back = burn_head_back(head.valid());
    assert!(!back.mean.unwrap().is_require_grad());
    assert!(back.linear.weight.is_require_grad());
    assert_eq!(head.num_params(), 3 + 3 + 6 + 2);
}

fn burn_head_back(inner: heads::LinearHead<Flex>) -> heads::LinearHead<B> {
    heads::LinearHead::<B>::from_inner(inner)
}

#[test]
fn head_gradient_matches_finite_differences() {
    let device = Default::default();
    let head = LinearHeadConfig {
        init_std: 0.5,
        ..LinearHeadConfig::new(3, 2)
    }
    .init::<B>(None, 3, &device)
    .unwrap();
    let x = [[3.0_f32, -2.5, 0.0], [0.3, 1.0, 2.0]];
    let loss = CrossEntropy::new(&CrossEntropyConfig::default(), 2, None).unwrap();
    let targets = loss.targets_of_classes::<B>(&[1, 0], &device).unwrap();
    let value = loss.forward(head.forward(Tensor::from_floats(x, &device)), &targets);
    let grads = value.backward();
    let gradient: Vec<f32> = head
        .linear
        .weight
        .val()
        .grad(&grads)
        .unwrap()
        .into_data()
        .to_vec()
        .unwrap();
    let arrays = head.to_arrays();
    let inner_targets = loss.targets_of_classes::<Flex>(&[1, 0], &device).unwrap();
    for d in 0..3 {
        for c in 0..2 {
            let at = |delta: f32| {
                let mut moved = arrays.clone();
                moved.weight[c * 3 + d] += delta;
                let moved = heads::LinearHead::<Flex>::from_arrays(&moved, &device).unwrap();
                let y = moved.forward(Tensor::from_floats(x, &device));
                f64::from(loss.forward(y, &inner_targets).into_scalar())
            };
            let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
            let exact = f64::from(gradient[d * 2 + c]);
            // Central differences of an f32 loss with step 1e-2: truncation ~ 1e-4, rounding ~ 1e-5.
            assert!((numeric - exact).abs() < 1e-3, "{d},{c}: {numeric} {exact}");
        }
    }
}
