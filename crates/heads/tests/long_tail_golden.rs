//! Losses of the long-tail literature, SADE's aggregation and debLoRA's objective against PyTorch, values and gradients.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use heads::{
    CalibrationLoss, CalibrationLossConfig, ClassWeights, HeadError, ImbalanceLoss,
    ImbalanceLossConfig, LowRankMapConfig, agreement,
};
use serde_json::Value;
use testkit::{FlexBackend, Golden, Tolerance, assert_close, check_gradient};

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    numbers(value).iter().map(|v| *v as usize).collect()
}

fn table<B: AutodiffBackend>(values: &Value, dim: usize, device: &B::Device) -> Tensor<B, 2> {
    let values = numbers(values);
    let shape = [values.len() / dim, dim];
    Tensor::from_data(TensorData::new(values, shape).convert::<f32>(), device)
}

fn expect<B: AutodiffBackend, const D: usize>(found: Tensor<B, D>, expected: Vec<f64>, what: &str) {
    let shape = found.dims().to_vec();
    let expected = TensorData::new(expected, shape);
    assert_close(&found.into_data(), &expected, Tolerance::F32, what);
}

fn imbalance_losses_equal_pytorch<B: AutodiffBackend>() {
    let golden: Value = Golden::json("heads/long_tail.json");
    let device = B::Device::default();
    let (labels, counts) = (indices(&golden["targets"]), indices(&golden["counts"]));
    for case in golden["losses"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let config: ImbalanceLossConfig = serde_json::from_value(case["loss"].clone()).unwrap();
        let weights = match &case["weights"] {
            Value::Null => ClassWeights::None,
            list => ClassWeights::List(numbers(list)),
        };
        let loss = ImbalanceLoss::new(&config, &weights, &counts).unwrap();
        let logits = table::<B>(&case["logits"], counts.len(), &device).require_grad();
        let targets = loss.targets::<B>(&labels, &device).unwrap();
        let value = loss.forward(logits.clone(), &targets);
        let gradient = logits.grad(&value.backward()).unwrap();
        expect(value, vec![case["value"].as_f64().unwrap()], name);
        let gradient = Tensor::<B, 2>::from_inner(gradient);
        expect(
            gradient,
            numbers(&case["gradient"]),
            &format!("{name} gradient"),
        );
    }
}

fn agreement_of_experts_equals_pytorch<B: AutodiffBackend>() {
    let golden: Value = Golden::json("heads/long_tail.json");
    let device = B::Device::default();
    let classes = golden["classes"].as_u64().unwrap() as usize;
    for case in golden["similarity"].as_array().unwrap() {
        let view = |index: usize| -> Tensor<B, 3> {
            let experts = case["views"][index].as_array().unwrap().iter();
            Tensor::stack(
                experts.map(|v| table::<B>(v, classes, &device)).collect(),
                0,
            )
        };
        let weights = numbers(&case["weights"]);
        let weights = TensorData::new(weights, [3]).convert::<f32>();
        let weights = Tensor::<B, 1>::from_data(weights, &device).require_grad();
        let value = agreement(weights.clone(), view(0), view(1));
        let gradient = weights.grad(&value.backward()).unwrap();
        expect(value, vec![case["value"].as_f64().unwrap()], "agreement");
        let gradient = Tensor::<B, 1>::from_inner(gradient);
        expect(gradient, numbers(&case["gradient"]), "agreement gradient");
    }
}

fn the_calibration_objective_equals_pytorch<B: AutodiffBackend>() {
    let golden: Value = Golden::json("heads/long_tail.json");
    let device = B::Device::default();
    let dim = golden["dim"].as_u64().unwrap() as usize;
    for case in golden["objective"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let config: CalibrationLossConfig = serde_json::from_value(case["config"].clone()).unwrap();
        let loss = CalibrationLoss::new(&config).unwrap();
        let get = |key: &str| table::<B>(&case[key], dim, &device);
        let (outputs, kept) = (get("outputs").require_grad(), get("kept").require_grad());
        let value = loss.forward(
            outputs.clone(),
            get("targets"),
            Some((kept.clone(), get("originals"))),
        );
        let gradients = value.backward();
        expect(value, vec![case["value"].as_f64().unwrap()], name);
        let gradient = Tensor::<B, 2>::from_inner(outputs.grad(&gradients).unwrap());
        expect(
            gradient,
            numbers(&case["gradient"]),
            &format!("{name} gradient"),
        );
        let by_kept = kept.grad(&gradients);
        if config.keep == 0.0 {
            assert!(by_kept.is_none(), "a term of weight 0 is left out");
            continue;
        }
        let gradient = Tensor::<B, 2>::from_inner(by_kept.unwrap());
        expect(
            gradient,
            numbers(&case["kept_gradient"]),
            &format!("{name}, kept"),
        );
    }
}

testkit::backend_matrix!(
    imbalance_losses_equal_pytorch,
    agreement_of_experts_equals_pytorch,
    the_calibration_objective_equals_pytorch,
);

type B = FlexBackend;

fn wave(rows: usize, dim: usize, salt: f64) -> TensorData {
    let values: Vec<f32> = (0..rows * dim)
        .map(|i| (i as f64 * 0.7 + salt).sin() as f32)
        .collect();
    TensorData::new(values, [rows, dim])
}

#[test]
fn the_objective_through_a_map_has_the_gradient_of_differences() {
    let device = Default::default();
    for (squared, maps) in [(false, 1), (true, 1), (false, 3)] {
        let config = LowRankMapConfig {
            dim: 6,
            rank: 2,
            alpha: 4.0,
            maps,
        };
        let map = config.init::<B>(3, &device).unwrap();
        let loss = CalibrationLoss::new(&CalibrationLossConfig { squared, keep: 0.5 }).unwrap();
        let (tail, rest) = (wave(4, 6, 0.0), wave(5, 6, 1.0));
        let shares = |rows: usize| {
            let data = wave(rows, maps, 2.0);
            (maps > 1).then(|| Tensor::<B, 2>::from_data(data, &device))
        };
        check_gradient::<B, 2>(
            |up| {
                let mut map = map.clone();
                map.up = map.up.map(|_| up.clone());
                let through = |data: &TensorData| {
                    let x = Tensor::<B, 2>::from_data(data.clone(), &device);
                    map.forward(x.clone(), shares(x.dims()[0]))
                };
                let targets = Tensor::<B, 2>::from_data(wave(4, 6, 0.4), &device);
                let stay = Tensor::<B, 2>::from_data(rest.clone(), &device);
                loss.forward(through(&tail), targets, Some((through(&rest), stay)))
            },
            wave(2 * maps, 6, 5.0),
            1e-2,
            Tolerance::FINITE_DIFFERENCE,
            "objective through the map",
        );
    }
}

#[test]
fn a_map_starts_as_the_identity_and_an_output_on_its_target_has_no_gradient() {
    let _graph = testkit::lock_autodiff();
    let device = Default::default();
    let config = LowRankMapConfig {
        dim: 4,
        rank: 3,
        alpha: 3.0,
        maps: 1,
    };
    let map = config.init::<B>(1, &device).unwrap();
    let x = Tensor::<B, 2>::from_data(wave(5, 4, 0.0), &device).require_grad();
    let mapped = map.forward(x.clone(), None);
    assert_eq!(mapped.clone().into_data(), x.clone().into_data());
    let loss = CalibrationLoss::new(&CalibrationLossConfig::default()).unwrap();
    let value = loss.forward(mapped, x.clone().detach(), None);
    let gradient = x.grad(&value.backward()).unwrap();
    assert!(value.into_scalar().abs() < 1e-6);
    assert!(gradient.into_data().iter::<f32>().all(|v| v == 0.0));
}

#[test]
fn numbers_outside_their_range_are_errors() {
    let keep = CalibrationLossConfig {
        keep: -1.0,
        ..CalibrationLossConfig::default()
    };
    assert!(matches!(
        CalibrationLoss::new(&keep),
        Err(HeadError::Setting { name: "keep", .. })
    ));
    let loss = |config: ImbalanceLossConfig, counts: &[usize]| {
        ImbalanceLoss::new(&config, &ClassWeights::None, counts)
    };
    let ldam = |max_margin, scale| ImbalanceLossConfig::Ldam { max_margin, scale };
    assert!(loss(ImbalanceLossConfig::Focal { gamma: -0.1 }, &[1, 2]).is_err());
    assert!(loss(ldam(0.5, 0.0), &[1, 2]).is_err());
    assert!(loss(ldam(f64::NAN, 1.0), &[1, 2]).is_err());
    let empty = loss(ldam(0.5, 30.0), &[1, 0]).unwrap_err();
    assert_eq!(empty, HeadError::EmptyClass { class: 1 });
    let good = loss(ldam(0.5, 30.0), &[1, 2]).unwrap();
    assert!(good.targets::<B>(&[0, 2], &Default::default()).is_err());
    let map = |rank, maps, alpha| {
        let config = LowRankMapConfig {
            dim: 4,
            rank,
            alpha,
            maps,
        };
        config.init::<B>(0, &Default::default()).is_err()
    };
    assert!(map(0, 1, 1.0) && map(5, 1, 1.0) && map(2, 0, 1.0) && map(2, 1, 0.0));
}
