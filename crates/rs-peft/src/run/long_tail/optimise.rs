//! Training a map on debLoRA's objective: which rows a step sees, and what it should make of them.

use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use deblora_calib::Calibrated;
use eval::record::CurvePoint;
use heads::{CalibrationLoss, CalibrationLossConfig};
use rand::seq::SliceRandom;
use rs_datasets::stream;
use training::{
    BoxError, CheckpointPolicy, FeatureMatrix, FitConfig, FnSource, GroupConfig, Hooks, Loss,
    ScheduleConfig, StepContext, fit,
};

use super::rows::Labelled;
use crate::experiment::LearnedMap;
use crate::run::RunError;
use crate::run::seed::{SeedRun, curve_points};

/// Steps that count as an epoch of the training curve.
const STEPS_PER_EPOCH: usize = 25;

/// Maps that see fewer rows in training are repeated after a kill rather than resumed within.
const CHECKPOINT_FROM_ROWS: usize = 200_000;

/// What the map is trained on.
pub(super) struct Task<'a> {
    pub(super) config: &'a LearnedMap,
    /// Targets of the tail's rows; `sources` says which rows these are.
    pub(super) targets: &'a Calibrated<f32>,
    /// Rows of the other classes.
    pub(super) others: Vec<usize>,
    pub(super) train: &'a Labelled,
}

impl SeedRun<'_> {
    /// Trains a map of training rows to standardised features on the objective.
    pub(super) fn optimise<B: AutodiffBackend, M: AutodiffModule<B>>(
        &self,
        model: M,
        task: &Task<'_>,
        groups: Vec<GroupConfig>,
        forward: impl Fn(&M, &[usize]) -> Tensor<B, 2>,
        device: &B::Device,
    ) -> Result<(M, Vec<CurvePoint>), RunError> {
        let config = task.config;
        let loss = CalibrationLoss::new(&CalibrationLossConfig {
            squared: config.squared,
            keep: config.keep,
        })?;
        let epochs = config.steps.div_ceil(STEPS_PER_EPOCH);
        let steps = epochs * STEPS_PER_EPOCH;
        let all: Vec<usize> = (0..task.targets.rows()).collect();
        let moved = self.draws("moved rows", &all, steps * config.batch_size);
        let kept = if config.keep > 0.0 {
            self.draws("kept rows", &task.others, steps * config.batch_size)
        } else {
            Vec::new()
        };
        let target_rows = FeatureMatrix {
            rows: task.targets.rows(),
            dim: task.train.dim,
            values: task.targets.values.clone(),
        };
        let objective = |model: &M, step: usize, _: &StepContext| -> Result<Loss<B>, BoxError> {
            let span = step * config.batch_size..(step + 1) * config.batch_size;
            let chosen = &moved[span.clone()];
            let sources: Vec<usize> = chosen.iter().map(|&at| task.targets.sources[at]).collect();
            let targets = tensor(&target_rows.select(chosen), device);
            // One pass for both kinds of rows.
            let others = kept.get(span).unwrap_or_default();
            let rows: Vec<usize> = sources.iter().chain(others).copied().collect();
            let outputs = forward(model, &rows);
            let count = sources.len();
            let keep = (!others.is_empty()).then(|| {
                let originals = tensor(&selected(task.train, others), device);
                (outputs.clone().narrow(0, count, others.len()), originals)
            });
            let value = loss.forward(outputs.narrow(0, 0, count), targets, keep);
            Ok(Loss::mean(value, rows.len()))
        };
        let source = FnSource::new(STEPS_PER_EPOCH, |epoch, index| -> Result<usize, BoxError> {
            Ok(epoch * STEPS_PER_EPOCH + index)
        });
        let schedule = ScheduleConfig::cosine(0.1);
        let mut fit_config = FitConfig::new(epochs, self.seed, groups, schedule);
        fit_config.clip_norm = Some(f64::from(self.experiment.train.clip_norm));
        let policy =
            CheckpointPolicy::new(self.checkpoints().join("learned"), self.checkpoint_id());
        let long = steps.saturating_mul(config.batch_size) >= CHECKPOINT_FROM_ROWS;
        let mut hooks = Hooks::none();
        if long {
            hooks = hooks.checkpoint(&policy);
        }
        let outcome = fit(model, &fit_config, &objective, &source, device, hooks)?;
        if long {
            policy.clear()?;
        }
        let curve = curve_points(&outcome.curve, config.learning_rate);
        Ok((outcome.model, curve))
    }

    /// `count` members of `rows`: all of them in a random order, then again in another.
    fn draws(&self, what: &str, rows: &[usize], count: usize) -> Vec<usize> {
        let mut rng = stream(&["learned map", what, &self.seed.to_string()]);
        let mut drawn = Vec::with_capacity(count + rows.len());
        let mut order = rows.to_vec();
        while drawn.len() < count && !order.is_empty() {
            order.shuffle(&mut rng);
            drawn.extend_from_slice(&order);
        }
        drawn.truncate(count);
        drawn
    }
}

/// Some rows of a part.
pub(super) fn selected(part: &Labelled, rows: &[usize]) -> FeatureMatrix {
    FeatureMatrix {
        rows: rows.len(),
        dim: part.dim,
        values: rows
            .iter()
            .flat_map(|&row| part.row(row))
            .copied()
            .collect(),
    }
}

/// A matrix on the device.
pub(super) fn tensor<B: Backend>(matrix: &FeatureMatrix, device: &B::Device) -> Tensor<B, 2> {
    let data = TensorData::new(matrix.values.clone(), [matrix.rows, matrix.dim]);
    Tensor::from_data(data, device)
}
