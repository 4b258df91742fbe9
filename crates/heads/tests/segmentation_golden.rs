//! Segmentation heads and Dice against transformers, mmsegmentation's pyramid and segmentation_models_pytorch: values, gradients,
//! running statistics, counts.

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use heads::segmentation::{NamedArray, UperNetConfig, adaptive_average_pool, bilinear};
use heads::{
    CrossEntropy, CrossEntropyConfig, Dice, HeadError, SegmentationHead, SegmentationHeadConfig,
};
use serde_json::Value;
use testkit::{FlexBackend, Golden, Tolerance, assert_close};

const FILE: &str = "heads/upernet.safetensors";

fn config() -> UperNetConfig {
    UperNetConfig {
        channels: 5,
        dropout: 0.0,
        ..UperNetConfig::default()
    }
}

/// The head with the golden's weights.
fn head<B: AutodiffBackend>(golden: &Golden, device: &B::Device) -> SegmentationHead<B> {
    let head = SegmentationHeadConfig::Upernet(config())
        .init::<B>(6, 4, 3, None, 1, device)
        .unwrap();
    let stored = |array: NamedArray| NamedArray {
        values: golden.floats(&array.name),
        ..array
    };
    let arrays = head.to_arrays().into_iter().map(stored).collect();
    head.with_arrays(arrays).unwrap()
}

/// Gradients of parameters by name.
struct Gradients<'a, B: AutodiffBackend> {
    path: Vec<String>,
    all: &'a B::Gradients,
    found: Vec<(String, TensorData)>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Gradients<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = param.val().grad(self.all) {
            let name = self.path[1..].join(".");
            self.found.push((name, gradient.into_data()));
        }
    }
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}

/// A shift in front of a normalisation changes nothing: the gradient is zero but for rounding.
const ZERO: [&str; 3] = [
    "pyramid.first_a.bias",
    "pyramid.first_b.bias",
    "pyramid.second.bias",
];

fn upernet_and_its_gradients_equal_transformers<B: AutodiffBackend>() {
    let golden = Golden::open(FILE);
    let device = B::Device::default();
    let head = head::<B>(&golden, &device);
    let maps = || -> Vec<Tensor<B, 4>> {
        (0..4)
            .map(|i| golden.tensor(&format!("map.{i}"), &device).require_grad())
            .collect()
    };
    let inner = maps().into_iter().map(|map| map.inner()).collect();
    let found = head.valid().forward(inner, [28, 24]).into_data();
    assert_close(&found, golden.data("eval"), Tolerance::F32, "eval");

    let maps = maps();
    let logits = head.forward(maps.clone(), [28, 24]);
    let found = logits.clone().into_data();
    assert_close(&found, golden.data("train"), Tolerance::F32, "train");
    let probe: Tensor<B, 4> = golden.tensor("probe", &device);
    let all = (logits * probe).sum().backward();
    let mut gradients = Gradients::<B> {
        path: Vec::new(),
        all: &all,
        found: Vec::new(),
    };
    head.visit(&mut gradients);
    let expected = golden.names().filter(|name| {
        name.strip_prefix("grad.")
            .is_some_and(|rest| !rest.starts_with("map."))
    });
    assert_eq!(gradients.found.len(), expected.count());
    for (name, found) in &gradients.found {
        let what = format!("grad.{name}");
        if ZERO.contains(&name.as_str()) {
            let largest = found.iter::<f32>().fold(0.0, |m: f32, v| m.max(v.abs()));
            assert!(largest < 1e-4, "{what}: {largest}");
        } else {
            assert_close(found, golden.data(&what), Tolerance::F32, &what);
        }
    }
    for (i, map) in maps.iter().enumerate() {
        let what = format!("grad.map.{i}");
        let found = map.grad(&all).unwrap().into_data();
        assert_close(&found, golden.data(&what), Tolerance::F32, &what);
    }
    let mut seen = 0;
    for array in head.to_arrays() {
        let what = format!("after.{}", array.name);
        if array.name.contains(".running_") {
            let found = TensorData::new(array.values, array.shape);
            assert_close(&found, golden.data(&what), Tolerance::F32, &what);
            seen += 1;
        }
    }
    assert_eq!(seen, 2 * 13);
}

fn resizing_and_pooling_equal_pytorch<B: AutodiffBackend>() {
    let golden = Golden::open(FILE);
    let device = B::Device::default();
    let maps: Tensor<B, 4> = golden.tensor("resample.maps", &device);
    let mut seen = 0;
    for name in golden.names() {
        let Some((kind, to)) = name.split_once('.') else {
            continue;
        };
        let Some((height, width)) = to.split_once('x') else {
            continue;
        };
        let (Ok(height), Ok(width)) = (height.parse(), width.parse()) else {
            continue;
        };
        let found = match kind {
            "bilinear" => bilinear(maps.clone(), [height, width]),
            "average" => adaptive_average_pool(maps.clone(), [height, width]),
            other => panic!("{other}"),
        };
        assert_close(&found.into_data(), golden.data(name), Tolerance::F32, name);
        seen += 1;
    }
    assert_eq!(seen, 12);
}

fn dice_and_its_gradient_equal_the_published_loss<B: AutodiffBackend>() {
    let golden: Value = Golden::json("heads/dice.json");
    let device = B::Device::default();
    let numbers = |value: &Value| -> Vec<f64> {
        let list = value.as_array().unwrap();
        list.iter().map(|v| v.as_f64().unwrap()).collect()
    };
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let shape: Vec<usize> = numbers(&case["shape"])
            .iter()
            .map(|v| *v as usize)
            .collect();
        let data = TensorData::new(numbers(&case["logits"]), shape.clone()).convert::<f32>();
        let logits = Tensor::<B, 4>::from_data(data, &device).require_grad();
        let config = CrossEntropyConfig {
            ignore_index: case["ignore_index"].as_i64(),
            ..CrossEntropyConfig::default()
        };
        let labels: Vec<i64> = numbers(&case["labels"]).iter().map(|v| *v as i64).collect();
        let targets = CrossEntropy::new(&config, shape[1], None)
            .unwrap()
            .targets::<B>(&labels, &device)
            .unwrap();
        let dice = Dice {
            smooth: case["smooth"].as_f64().unwrap(),
        };
        let loss = dice.forward_map(logits.clone(), &targets);
        let gradient = logits.grad(&loss.backward()).unwrap().into_data();
        let expected = TensorData::new(vec![case["loss"].as_f64().unwrap()], [1]);
        assert_close(&loss.into_data(), &expected, Tolerance::F32, name);
        let expected = TensorData::new(numbers(&case["gradient"]), shape);
        assert_close(
            &gradient,
            &expected,
            Tolerance::F32,
            &format!("{name} gradient"),
        );
    }
}

testkit::backend_matrix!(
    upernet_and_its_gradients_equal_transformers,
    resizing_and_pooling_equal_pytorch,
    dice_and_its_gradient_equal_the_published_loss,
);

#[test]
fn counts_equal_those_of_the_published_heads() {
    let golden = Golden::open(FILE);
    let counts: Vec<[usize; 4]> = golden.metadata_json("counts");
    for [dim, channels, classes, expected] in counts {
        let config = UperNetConfig {
            channels,
            ..UperNetConfig::default()
        };
        assert_eq!(
            config.count(dim, classes),
            expected,
            "{dim} {channels} {classes}"
        );
    }
    let device = Default::default();
    let head = head::<FlexBackend>(&golden, &device);
    assert_eq!(head.trainable_parameters(), config().count(6, 3));
}

#[test]
fn a_head_is_drawn_from_its_seed_and_written_whole() {
    let device = Default::default();
    let config = SegmentationHeadConfig::Upernet(config());
    let make = |seed| {
        config
            .init::<FlexBackend>(6, 4, 3, None, seed, &device)
            .unwrap()
    };
    assert_eq!(make(3).to_arrays(), make(3).to_arrays());
    assert_ne!(make(3).to_arrays(), make(4).to_arrays());
    let copied = make(4).with_arrays(make(3).to_arrays()).unwrap();
    assert_eq!(copied.to_arrays(), make(3).to_arrays());
    assert_eq!(copied.trainable_parameters(), config.count(6, 4, 3));
    let mut short = make(3).to_arrays();
    let last = short.pop().unwrap();
    let error = make(3).with_arrays(short.clone()).unwrap_err();
    assert!(
        matches!(&error, HeadError::Array { name, .. } if *name == last.name),
        "{error}"
    );
    short.push(NamedArray {
        shape: vec![7],
        ..last.clone()
    });
    assert!(make(3).with_arrays(short).is_err());
    let mut more = make(3).to_arrays();
    more.push(NamedArray {
        name: "other".into(),
        ..last
    });
    let error = make(3).with_arrays(more).unwrap_err().to_string();
    assert!(error.contains("other"), "{error}");
}

#[test]
fn a_single_pooled_value_does_not_make_a_head_lose_its_numbers() {
    let _graph = testkit::lock_autodiff();
    let device = Default::default();
    let head = SegmentationHeadConfig::Upernet(config())
        .init::<FlexBackend>(6, 4, 3, None, 1, &device)
        .unwrap();
    let map = || Tensor::<FlexBackend, 4>::ones([1, 6, 2, 2], &device);
    let logits = head.forward(vec![map(), map(), map(), map()], [8, 8]);
    let all = logits.clone().sum().backward();
    assert!(logits.into_data().iter::<f32>().all(f32::is_finite));
    let mut gradients = Gradients::<FlexBackend> {
        path: Vec::new(),
        all: &all,
        found: Vec::new(),
    };
    head.visit(&mut gradients);
    for (name, values) in gradients.found {
        assert!(values.iter::<f32>().all(f32::is_finite), "{name}");
    }
    for array in head.to_arrays() {
        assert!(array.values.iter().all(|v| v.is_finite()), "{}", array.name);
    }
}

#[test]
fn dropout_leaves_channels_out_while_training_only() {
    let device = Default::default();
    let config = UperNetConfig {
        channels: 4,
        dropout: 0.5,
        ..UperNetConfig::default()
    };
    let head = SegmentationHeadConfig::Upernet(config)
        .init::<FlexBackend>(3, 4, 2, None, 1, &device)
        .unwrap();
    let golden = Golden::open(FILE);
    let maps = || -> Vec<Tensor<FlexBackend, 4>> {
        (0..4)
            .map(|i| {
                golden
                    .tensor::<FlexBackend, 4>(&format!("map.{i}"), &device)
                    .narrow(1, 0, 3)
            })
            .collect()
    };
    let run = || head.forward(maps(), [28, 24]).into_data();
    let first = run();
    assert!((0..8).any(|_| run() != first));
    let quiet = || {
        let maps = maps().into_iter().map(|map| map.inner()).collect();
        head.valid().forward(maps, [28, 24]).into_data()
    };
    assert_eq!(quiet(), quiet());
}

#[test]
fn a_linear_head_is_the_linear_map_of_every_token() {
    let device = Default::default();
    let config = SegmentationHeadConfig::Linear(Default::default());
    let statistics = heads::Standardiser {
        mean: vec![0.5; 4],
        std: vec![2.0; 4],
    };
    let head = config
        .init::<FlexBackend>(2, 2, 3, Some(&statistics), 1, &device)
        .unwrap();
    assert_eq!(head.trainable_parameters(), config.count(2, 2, 3));
    let SegmentationHead::Linear(linear) = &head else {
        panic!("not linear");
    };
    let map = Tensor::<FlexBackend, 4>::from_floats(
        [[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]],
        &device,
    );
    let logits = head.forward(vec![map.clone(), map.clone() * 2.0], [2, 2]);
    let token = Tensor::<FlexBackend, 2>::from_floats([[3.0, 7.0, 6.0, 14.0]], &device);
    let expected = linear.tokens.forward(token).into_data();
    let found = logits
        .slice([0..1, 0..3, 1..2, 0..1])
        .reshape([1, 3])
        .into_data();
    assert_close(&found, &expected, Tolerance::F32, "token");
}

#[test]
fn settings_outside_their_range_name_the_setting() {
    let device = Default::default();
    let fails = |config: UperNetConfig, maps: usize| {
        let config = SegmentationHeadConfig::Upernet(config);
        let error = config
            .init::<FlexBackend>(6, maps, 3, None, 1, &device)
            .unwrap_err();
        error.to_string()
    };
    let default = UperNetConfig::default;
    assert!(fails(default(), 3).contains("maps"));
    let wide = UperNetConfig {
        channels: 1 << 40,
        ..default()
    };
    assert!(fails(wide, 4).contains("channels"));
    let scales = UperNetConfig {
        pool_scales: vec![1, 0],
        ..default()
    };
    assert!(fails(scales, 4).contains("pool_scales"));
    let none = UperNetConfig {
        pool_scales: vec![],
        ..default()
    };
    assert!(fails(none, 4).contains("pool_scales"));
    let dropout = UperNetConfig {
        dropout: 1.0,
        ..default()
    };
    assert!(fails(dropout, 4).contains("dropout"));
}
