//! Cross-entropy against PyTorch: value and gradient, every option, and finite differences of the whole head.

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use heads::{
    ClassWeights, CrossEntropy, CrossEntropyConfig, HeadError, LinearHead, LinearHeadConfig,
    Standardiser,
};
use serde_json::Value;
use testkit::{FlexBackend, Golden, Tolerance, assert_close, check_gradient};

type B = FlexBackend;
type Inner = <B as AutodiffBackend>::InnerBackend;

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn cross_entropy_and_its_gradient_equal_pytorch<B: AutodiffBackend>() {
    let golden: Value = Golden::json("heads/losses.json");
    let device = B::Device::default();
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
        let shape = [targets.len(), classes];
        let values = TensorData::new(numbers(&case["logits"]), shape).convert::<f32>();
        let logits = Tensor::<B, 2>::from_data(values, &device).require_grad();
        let targets = loss.targets::<B>(&targets, &device).unwrap();
        let value = loss.forward(logits.clone(), &targets);
        let gradient = logits.grad(&value.backward()).unwrap();
        let expected = TensorData::new(vec![case["loss"].as_f64().unwrap()], [1]);
        let name = case["name"].as_str().unwrap();
        assert_close(
            &value.into_data(),
            &expected,
            Tolerance::F32,
            &format!("{name} loss"),
        );
        let expected = TensorData::new(numbers(&case["gradient"]), shape);
        let what = format!("{name} gradient");
        assert_close(&gradient.into_data(), &expected, Tolerance::F32, &what);
    }
}

testkit::backend_matrix!(cross_entropy_and_its_gradient_equal_pytorch);

#[test]
fn a_batch_without_counted_rows_gives_zero_and_no_gradient() {
    let _graph = testkit::lock_autodiff();
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
    let map = Tensor::<Inner, 4>::from_floats([[[[1.0, 2.0, 3.0]], [[0.5, -1.0, 4.0]]]], &device);
    let rows = Tensor::<Inner, 2>::from_floats([[1.0, 0.5], [2.0, -1.0], [3.0, 4.0]], &device);
    let targets = loss
        .targets_of_classes::<Inner>(&[0, 1, 1], &device)
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
        let error = loss.targets::<Inner>(&labels, &device).unwrap_err();
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
    let _graph = testkit::lock_autodiff();
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
    let back = LinearHead::<B>::from_inner(head.valid());
    assert!(!back.mean.unwrap().is_require_grad());
    assert!(back.linear.weight.is_require_grad());
    assert_eq!(head.num_params(), 3 + 3 + 6 + 2);
}

#[test]
fn head_gradient_matches_finite_differences() {
    let device = Default::default();
    let loss = CrossEntropy::new(&CrossEntropyConfig::default(), 2, None).unwrap();
    let targets = loss.targets_of_classes::<B>(&[1, 0], &device).unwrap();
    let config = LinearHeadConfig {
        init_std: 0.5,
        ..LinearHeadConfig::new(3, 2)
    };
    let statistics = Standardiser {
        mean: vec![0.5, -1.0, 0.0],
        std: vec![2.0, 0.5, 1.0],
    };
    let head: LinearHead<B> = config.init(Some(&statistics), 3, &device).unwrap();
    // By the features, so that the gradient passes through standardisation, map and loss.
    let features = TensorData::new(vec![3.0_f32, -2.5, 0.0, 0.3, 1.0, 2.0], [2, 3]);
    let function = |x: Tensor<B, 2>| loss.forward(head.forward(x), &targets);
    check_gradient(
        function,
        features,
        1e-2,
        Tolerance::FINITE_DIFFERENCE,
        "head and loss",
    );
}

fn logits_are_the_standardised_product<B: Backend>() {
    let device = B::Device::default();
    let statistics = Standardiser {
        mean: vec![1.0, -2.0],
        std: vec![2.0, 0.5],
    };
    let arrays = heads::HeadArrays {
        weight: vec![1.0, 2.0, -3.0, 0.5, 0.0, 1.0],
        bias: vec![0.0, 1.0, -1.0],
        standardiser: Some(statistics),
    };
    let head = LinearHead::<B>::from_arrays(&arrays, &device).unwrap();
    let x = Tensor::<B, 2>::from_data(TensorData::from([[3.0_f32, -1.0]]), &device);
    // Standardised: [1, 2].
    let expected = TensorData::from([[5.0_f32, -1.0, 1.0]]);
    assert_close(
        &head.forward(x).into_data(),
        &expected,
        Tolerance::F32,
        "logits",
    );
    assert_eq!(head.to_arrays(), arrays);
}

mod forward {
    use super::logits_are_the_standardised_product as test;
    testkit::backend_matrix!(test);
}
