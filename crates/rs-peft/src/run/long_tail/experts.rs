//! SADE's aggregation at test time: weights of the experts that make two views of the test images agree, without labels.

use burn::module::{Module, Param, ParamId};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use heads::{Experts, FeatureTable, LogisticProbe, agreement};
use training::{
    BoxError, FitConfig, FnSource, GroupConfig, Hooks, Loss, OptimizerConfig, ScheduleConfig,
    SgdConfig, StepContext, fit,
};

use super::rows::Labelled;
use crate::run::RunError;
use crate::run::train::shuffled;

/// Settings of the published code.
const EPOCHS: usize = 5;
const BATCH: usize = 128;
const RATE: f64 = 0.025;
const DECAY: f64 = 5e-4;
/// An expert below this share ends the training.
const LEAST_SHARE: f64 = 0.05;

/// Weights before the softmax.
#[derive(Module, Debug)]
struct Weights<B: Backend> {
    weights: Param<Tensor<B, 1>>,
}

/// The aggregated probe, and the shares of the experts.
pub(super) fn aggregated<B: AutodiffBackend>(
    experts: &Experts,
    views: [&Labelled; 2],
    seed: u64,
    device: &B::Device,
) -> Result<(LogisticProbe, Vec<f64>), RunError> {
    let rows = views[0].labels.len();
    let logits = views
        .iter()
        .map(|view| Ok(experts.logits(&FeatureTable::new(&view.values, view.dim)?)?))
        .collect::<Result<Vec<_>, RunError>>()?;
    let count = experts.probes.len();
    let classes = experts.probes.first().map_or(0, LogisticProbe::classes);
    let batch = |view: &[Vec<f64>], chosen: &[usize]| {
        let mut values: Vec<f32> = Vec::with_capacity(count * chosen.len() * classes);
        for expert in view {
            for &row in chosen {
                let row = &expert[row * classes..(row + 1) * classes];
                values.extend(row.iter().map(|v| *v as f32));
            }
        }
        let shape = [count, chosen.len(), classes];
        Tensor::<B, 3>::from_data(TensorData::new(values, shape), device)
    };
    let objective =
        |model: &Weights<B>, chosen: Vec<usize>, _: &StepContext| -> Result<Loss<B>, BoxError> {
            let [first, second] = [batch(&logits[0], &chosen), batch(&logits[1], &chosen)];
            let value = agreement(model.weights.val(), first, second).neg();
            Ok(Loss::mean(value, chosen.len()))
        };
    let start = TensorData::new(vec![1.0_f32 / count as f32; count], [count]);
    let start = Tensor::<B, 1>::from_data(start, device).require_grad();
    let mut model = Weights {
        weights: Param::initialized(ParamId::new(), start),
    };
    let groups = vec![
        GroupConfig::all(RATE)
            .with_weight_decay(DECAY)
            .with_decay_vectors(true),
    ];
    let mut found = Vec::new();
    for epoch in 0..EPOCHS {
        let order = shuffled(rows, seed, epoch);
        let source = FnSource::new(rows.div_ceil(BATCH), |_, index| {
            let chosen = order.chunks(BATCH).nth(index).unwrap_or_default();
            Ok::<_, BoxError>(chosen.to_vec())
        });
        let schedule = ScheduleConfig::constant();
        let mut config = FitConfig::new(1, seed, groups.clone(), schedule);
        config.optimizer = OptimizerConfig::Sgd(SgdConfig {
            momentum: 0.9,
            nesterov: true,
        });
        model = fit(model, &config, &objective, &source, device, Hooks::none())?.model;
        found = model.weights.val().into_data().iter::<f64>().collect();
        if shares(&found).iter().any(|share| *share < LEAST_SHARE) {
            break;
        }
    }
    Ok((experts.aggregate(&found)?, shares(&found)))
}

fn shares(weights: &[f64]) -> Vec<f64> {
    let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = weights.iter().map(|w| (w - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}
