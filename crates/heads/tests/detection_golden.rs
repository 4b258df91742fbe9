//! Rotated FCOS against mmrotate and PyTorch: outputs, targets, losses and every gradient.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use heads::detection::{
    AngleLossConfig, AssignConfig, BoxLossConfig, BoxLossKind, ClassLossConfig, DetectionLoss,
    DetectionLossConfig, DistanceActivation, ExtraLevels, FcosOutput, LevelOutput, PyramidScale,
    RotatedFcosConfig, SimplePyramidConfig, TargetObject, assign,
};
use heads::segmentation::NamedArray;
use heads::{ClassWeights, DetectionHead, DetectionHeadConfig};
use oriented_boxes::{AngleConvention, OrientedBox, Point};
use serde_json::Value;
use testkit::{Golden, Tolerance, assert_close};

/// The two models of the exporter: name, settings, channels of the map, classes.
fn models() -> [(&'static str, DetectionHeadConfig, usize, usize); 2] {
    let a = DetectionHeadConfig {
        pyramid: SimplePyramidConfig {
            channels: 6,
            ..SimplePyramidConfig::default()
        },
        fcos: RotatedFcosConfig {
            channels: 4,
            convolutions: 2,
            groups: 2,
            ..RotatedFcosConfig::default()
        },
    };
    let b = DetectionHeadConfig {
        pyramid: SimplePyramidConfig {
            scales: vec![PyramidScale::Double, PyramidScale::Same],
            channels: 4,
            extra: ExtraLevels::Convolution { levels: 2 },
        },
        fcos: RotatedFcosConfig {
            channels: 6,
            convolutions: 1,
            groups: 3,
            distance: DistanceActivation::Exp,
            in_strides: false,
            center_ness_on_box: false,
            scale_angle: false,
            ..RotatedFcosConfig::default()
        },
    };
    [("a", a, 8, 3), ("b", b, 4, 2)]
}

fn head<B: AutodiffBackend>(
    golden: &Golden,
    (name, config, dim, classes): &(&str, DetectionHeadConfig, usize, usize),
    device: &B::Device,
) -> DetectionHead<B> {
    let head = config.init::<B>(*dim, 16, *classes, 1, device).unwrap();
    let stored = |array: NamedArray| NamedArray {
        values: golden.floats(&format!("{name}.{}", array.name)),
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
        let gradient = param.val().grad(self.all).unwrap();
        self.found.push((self.path.join("."), gradient.into_data()));
    }
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}

fn outputs_and_gradients_of_pyramid_and_head_equal_pytorch<B: AutodiffBackend>() {
    let golden = Golden::open("heads/detection.safetensors");
    let device = B::Device::default();
    for model in models() {
        let (name, dim) = (model.0, model.2);
        let head = head::<B>(&golden, &model, &device);
        let map = golden
            .tensor::<B, 4>(&format!("{name}.map"), &device)
            .require_grad();
        assert_eq!(map.dims()[1], dim);
        let output = head.forward(map.clone());
        let mut total = Tensor::<B, 1>::zeros([1], &device);
        for (i, level) in output.levels.into_iter().enumerate() {
            for (what, found) in [
                ("class", level.class_logits),
                ("distances", level.distances),
                ("angle", level.angle),
                ("center", level.center_ness),
            ] {
                let key = format!("{name}.{what}.{i}");
                assert_close(
                    &found.clone().into_data(),
                    golden.data(&key),
                    Tolerance::F32,
                    &key,
                );
                let probe = golden.tensor::<B, 4>(&format!("{name}.probe.{what}.{i}"), &device);
                total = total + (found * probe).sum();
            }
        }
        let all = total.backward();
        let mut gradients = Gradients::<B> {
            path: Vec::new(),
            all: &all,
            found: Vec::new(),
        };
        head.visit(&mut gradients);
        let prefix = format!("{name}.grad.");
        let expected = golden
            .names()
            .filter(|key| key.starts_with(&prefix) && !key.ends_with(".map"));
        assert_eq!(gradients.found.len(), expected.count());
        for (key, found) in gradients.found {
            let key = format!("{prefix}{key}");
            assert_close(&found, golden.data(&key), Tolerance::F32, &key);
        }
        let found = map.grad(&all).unwrap().into_data();
        let key = format!("{prefix}map");
        assert_close(&found, golden.data(&key), Tolerance::F32, &key);
    }
}

fn floats(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|v| v.as_f64().expect("a number")).collect()
}

/// Objects per image.
fn objects(case: &Value) -> Vec<Vec<TargetObject>> {
    let images = case["objects"].as_array().unwrap().iter();
    images
        .map(|image| {
            let objects = image.as_array().unwrap().iter().map(|object| {
                let v = floats(object);
                let center = Point::new(v[0], v[1]);
                let place =
                    OrientedBox::new(center, v[2], v[3], v[4], AngleConvention::Le90).unwrap();
                TargetObject {
                    place,
                    class: v[5] as usize,
                    ignored: false,
                }
            });
            objects.collect()
        })
        .collect()
}

struct Setup {
    strides: Vec<usize>,
    grids: Vec<[usize; 2]>,
    counts: Vec<usize>,
    limits: Vec<f64>,
}

fn setup(golden: &Value) -> Setup {
    let whole = |value: &Value| {
        floats(value)
            .iter()
            .map(|v| *v as usize)
            .collect::<Vec<_>>()
    };
    let grids = golden["grids"].as_array().unwrap().iter();
    Setup {
        strides: whole(&golden["strides"]),
        grids: grids.map(|g| whole(g).try_into().unwrap()).collect(),
        counts: whole(&golden["counts"]),
        limits: floats(&golden["limits"]),
    }
}

fn config(case: &Value, setup: &Setup, class: ClassLossConfig) -> DetectionLossConfig {
    let mut kind = case["kind"].clone();
    // The root has no meaning for the Wasserstein distance; the exporter writes it for all.
    let kind: BoxLossKind = serde_json::from_value(kind.take()).unwrap();
    let angle: Option<AngleLossConfig> =
        serde_json::from_value(case["angle_loss"].clone()).unwrap();
    DetectionLossConfig {
        assign: AssignConfig {
            limits: setup.limits.clone(),
            center_radius: case["radius"].as_f64(),
        },
        class,
        boxes: BoxLossConfig {
            kind,
            weight: 1.0,
            angle,
        },
    }
}

#[test]
fn locations_are_assigned_as_mmrotate_assigns_them() {
    let golden: Value = Golden::json("heads/detection_losses.json");
    let setup = setup(&golden);
    let mut seen = 0;
    for case in golden["cases"].as_array().unwrap() {
        let config = config(case, &setup, ClassLossConfig::default());
        let mut found = Vec::new();
        for (image, objects) in objects(case).iter().enumerate() {
            let assigned =
                assign(&config.assign, 3, &setup.grids, &setup.strides, objects).unwrap();
            assert!(assigned.ignored.is_empty());
            let first = image * assigned.locations;
            for p in assigned.positives {
                let unit = match case["in_strides"].as_bool().unwrap() {
                    true => setup.strides[p.level] as f64,
                    false => 1.0,
                };
                let mut row = vec![(first + p.location) as f64, p.class as f64];
                row.extend(p.distances.map(|d| d / unit));
                row.extend([p.angle, p.center_ness()]);
                found.push(row);
            }
        }
        let expected: Vec<Vec<f64>> = case["positives"]
            .as_array()
            .unwrap()
            .iter()
            .map(floats)
            .collect();
        assert_eq!(found.len(), expected.len(), "{}", case["name"]);
        for (found, expected) in found.iter().zip(&expected) {
            let near = found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(near, "{}: {found:?}, expected {expected:?}", case["name"]);
        }
        seen += expected.len();
    }
    assert!(seen > 200, "{seen}");
}

fn leaves<B: AutodiffBackend>(
    case: &Value,
    key: &str,
    channels: usize,
    setup: &Setup,
    device: &B::Device,
) -> Vec<Tensor<B, 4>> {
    let maps = case[key].as_array().unwrap().iter().zip(&setup.grids);
    maps.map(|(values, [h, w])| {
        let data = TensorData::new(floats(values), [2, channels, *h, *w]).convert::<f32>();
        Tensor::from_data(data, device).require_grad()
    })
    .collect()
}

fn losses_and_their_gradients_equal_mmrotate<B: AutodiffBackend>() {
    let golden: Value = Golden::json("heads/detection_losses.json");
    let setup = setup(&golden);
    let device = B::Device::default();
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let config = config(case, &setup, ClassLossConfig::default());
        let in_strides = case["in_strides"].as_bool().unwrap();
        let loss = DetectionLoss::new(&config, 3, &setup.strides, in_strides, None).unwrap();
        let logits = leaves::<B>(case, "logits", 3, &setup, &device);
        let distances = leaves::<B>(case, "distances", 4, &setup, &device);
        let angles = leaves::<B>(case, "angles", 1, &setup, &device);
        let centers = leaves::<B>(case, "centers", 1, &setup, &device);
        let levels = (0..3).map(|i| LevelOutput {
            class_logits: logits[i].clone(),
            distances: distances[i].clone(),
            angle: angles[i].clone(),
            center_ness: centers[i].clone(),
        });
        let output = FcosOutput {
            levels: levels.collect(),
        };
        let terms = loss.forward(output, &objects(case)).unwrap();
        for (what, found) in [
            ("class", &terms.class),
            ("box", &terms.boxes),
            ("angle", &terms.angle),
            ("center", &terms.center_ness),
        ] {
            let expected = case["losses"][what].as_f64().unwrap_or(0.0);
            let expected = TensorData::new(vec![expected], [1]);
            let found = found.clone().into_data();
            assert_close(&found, &expected, Tolerance::F32, &format!("{name} {what}"));
        }
        let all = terms.total().backward();
        for (key, maps) in [
            ("logits", logits),
            ("distances", distances),
            ("angles", angles),
            ("centers", centers),
        ] {
            for (i, map) in maps.iter().enumerate() {
                let expected = floats(&case["gradients"][key][i]);
                // Without an object nothing but the logits has a gradient.
                let found = match map.grad(&all) {
                    Some(gradient) => gradient.into_data(),
                    None => TensorData::zeros::<f32, _>(map.dims()),
                };
                let expected = TensorData::new(expected, map.dims());
                let what = format!("{name} gradient of {key} {i}");
                assert_close(&found, &expected, Tolerance::F32, &what);
            }
        }
    }
}

fn losses_of_classes_equal_the_published_ones<B: AutodiffBackend>() {
    let golden: Value = Golden::json("heads/detection_losses.json");
    let setup = setup(&golden);
    let device = B::Device::default();
    let case = &golden["cases"][0];
    let listed = case["classes"].as_array().unwrap();
    assert_eq!(listed.len(), 4);
    for wanted in listed {
        let mut config_of = wanted["config"].clone();
        if config_of["focal"].get("alpha").is_none() {
            config_of["focal"]["alpha"] = Value::Null;
        }
        let weights = config_of.as_object_mut().unwrap().remove("class_weights");
        let mut class: ClassLossConfig = serde_json::from_value(config_of).unwrap();
        if weights.is_some() {
            class.class_weights = ClassWeights::Balanced;
        }
        let config = config(case, &setup, class);
        let counts = Some(setup.counts.as_slice());
        let loss = DetectionLoss::new(&config, 3, &setup.strides, true, counts).unwrap();
        let logits = leaves::<B>(case, "logits", 3, &setup, &device);
        let still = |key: &str, n: usize| leaves::<B>(case, key, n, &setup, &device);
        let (distances, angles, centers) = (
            still("distances", 4),
            still("angles", 1),
            still("centers", 1),
        );
        let levels = (0..3).map(|i| LevelOutput {
            class_logits: logits[i].clone(),
            distances: distances[i].clone(),
            angle: angles[i].clone(),
            center_ness: centers[i].clone(),
        });
        let output = FcosOutput {
            levels: levels.collect(),
        };
        let terms = loss.forward(output, &objects(case)).unwrap();
        let name = wanted["config"].to_string();
        let expected = TensorData::new(vec![wanted["loss"].as_f64().unwrap()], [1]);
        let found = terms.class.clone().into_data();
        assert_close(&found, &expected, Tolerance::F32, &name);
        let all = terms.class.backward();
        let rows = logits.iter().map(|map| {
            let [batch, classes, h, w] = map.dims();
            let gradient = map.grad(&all).unwrap();
            gradient
                .permute([0, 2, 3, 1])
                .reshape([batch, h * w, classes])
        });
        let found = Tensor::cat(rows.collect(), 1);
        let dims = found.dims();
        let expected = TensorData::new(floats(&wanted["gradient"]), dims);
        assert_close(&found.into_data(), &expected, Tolerance::F32, &name);
    }
}

testkit::backend_matrix!(
    outputs_and_gradients_of_pyramid_and_head_equal_pytorch,
    losses_and_their_gradients_equal_mmrotate,
    losses_of_classes_equal_the_published_ones
);
