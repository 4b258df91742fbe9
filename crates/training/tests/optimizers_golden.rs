//! AdamW, SGD and global-norm clipping against PyTorch, through the loop: six steps with given gradients.

use burn::module::{Module, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use serde_json::Value;
use testkit::{Golden, Tolerance, assert_close};
use training::{
    AdamWConfig, BoxError, FitConfig, FnSource, GroupConfig, Hooks, Loss, OptimizerConfig,
    ScheduleConfig, SgdConfig, StepContext, clip_scale, fit,
};

#[derive(Module, Debug)]
struct Tiny<B: Backend> {
    matrix: Param<Tensor<B, 2>>,
    vector: Param<Tensor<B, 1>>,
}

fn data<const D: usize>(value: &Value, shape: [usize; D]) -> TensorData {
    let list = value.as_array().expect("a list");
    let values: Vec<f64> = list.iter().map(|v| v.as_f64().expect("a number")).collect();
    TensorData::new(values, shape).convert::<f32>()
}

/// Trains on the first `steps` gradients; gives the model and the mean gradient norm.
fn run<B: AutodiffBackend>(golden: &Value, case: &Value, steps: usize) -> (Tiny<B>, f64) {
    let device = B::Device::default();
    let number = |key: &str| case[key].as_f64().unwrap();
    let model = Tiny::<B> {
        matrix: Param::from_data(data(&golden["start"]["matrix"], [2, 3]), &device),
        vector: Param::from_data(data(&golden["start"]["vector"], [3]), &device),
    };
    let group = GroupConfig::all(number("lr"))
        .with_weight_decay(number("weight_decay"))
        .with_decay_vectors(case["decay_vectors"].as_bool().unwrap());
    let mut config = FitConfig::new(1, 0, vec![group], ScheduleConfig::constant());
    config.clip_norm = case["clip"].as_f64();
    config.optimizer = match case["kind"].as_str().unwrap() {
        "adam_w" => OptimizerConfig::AdamW(AdamWConfig {
            beta1: number("beta1"),
            beta2: number("beta2"),
            epsilon: number("epsilon"),
        }),
        _ => OptimizerConfig::Sgd(SgdConfig {
            momentum: number("momentum"),
            nesterov: case["nesterov"].as_bool().unwrap(),
        }),
    };
    let source = FnSource::new(steps, |_, index| Ok(golden["gradients"][index].clone()));
    // A linear function has the wanted gradient everywhere.
    let objective = |m: &Tiny<B>, g: Value, _: &StepContext| -> Result<Loss<B>, BoxError> {
        let device = B::Device::default();
        let gm = Tensor::<B, 2>::from_data(data(&g["matrix"], [2, 3]), &device);
        let gv = Tensor::<B, 1>::from_data(data(&g["vector"], [3]), &device);
        Ok(Loss::mean(
            (m.matrix.val() * gm).sum() + (m.vector.val() * gv).sum(),
            1,
        ))
    };
    let out =
        fit::<B, _, _, _>(model, &config, &objective, &source, &device, Hooks::none()).unwrap();
    (out.model, out.curve.epochs[0].gradient_norm.unwrap())
}

fn parameters_follow_pytorch_step_by_step<B: AutodiffBackend>() {
    let golden: Value = Golden::json("training/optimizers.json");
    for case in golden["cases"].as_array().unwrap() {
        let history = case["history"].as_array().unwrap();
        let norms: Vec<f64> = case["norms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect();
        for steps in 1..=history.len() {
            let (model, norm) = run::<B>(&golden, case, steps);
            let expected = &history[steps - 1];
            let name = format!("{} after {steps}", case["name"]);
            let close = |found: TensorData, expected: TensorData, what: &str| {
                assert_close(&found, &expected, Tolerance::F32, &format!("{name} {what}"));
            };
            close(
                model.matrix.val().into_data(),
                data(&expected["matrix"], [2, 3]),
                "matrix",
            );
            close(
                model.vector.val().into_data(),
                data(&expected["vector"], [3]),
                "vector",
            );
            let mean = norms[..steps].iter().sum::<f64>() / steps as f64;
            close(TensorData::from([norm]), TensorData::from([mean]), "norm");
        }
    }
}

testkit::backend_matrix!(parameters_follow_pytorch_step_by_step);

#[test]
fn clipping_has_its_closed_form() {
    assert_eq!(clip_scale(0.5, 1.0), 1.0);
    assert_eq!(clip_scale(0.0, 1.0), 1.0);
    assert!((clip_scale(4.0, 1.0) - 1.0 / 4.000001).abs() < 1e-15);
}
