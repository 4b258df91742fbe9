//! Training the adapter and the head of one seed; a frozen backbone trains its head on features computed once.

use burn::module::Module;
use burn::tensor::backend::{AutodiffBackend, Backend};
use eval::record::CurvePoint;
use heads::{ClassWeights, CrossEntropy, CrossEntropyConfig, LinearHead};
use rand::seq::SliceRandom;
use rs_datasets::{Batch, image_tensor, stream};
use training::{
    BoxError, CheckpointPolicy, FeatureMatrix, FitConfig, FnSource, GroupConfig, Hooks, Loss,
    StepContext, fit,
};

use super::RunError;
use super::backbone::Backbone;
use super::batches::{LoaderSource, rows};
use super::model::{Readout, Trainable, adapter_rates};
use super::seed::{Samples, SeedRun, curve_points};
use crate::experiment::Method;

/// Runs of fewer images (epochs times training images) are repeated after a kill rather than resumed.
const CHECKPOINT_FROM_IMAGES: usize = 200_000;

/// A trained model and its curve.
pub(crate) struct Trained<B: Backend> {
    pub(crate) model: Trainable<B>,
    pub(crate) curve: Vec<CurvePoint>,
}

pub(crate) fn run<B: AutodiffBackend>(
    seed_run: &SeedRun<'_>,
    samples: &Samples,
    model: Trainable<B>,
    base: &Backbone<B>,
    readout: &Readout,
    start_features: &FeatureMatrix,
    device: &B::Device,
) -> Result<Trained<B>, RunError> {
    let config = &seed_run.experiment.train;
    let adapts = model.adapter.num_params() > 0;
    let mut groups = vec![
        GroupConfig::new("head", &["head.*"], config.head_learning_rate)
            .with_weight_decay(config.weight_decay)
            .with_decay_vectors(config.decay_vectors),
    ];
    if adapts {
        let rates = adapter_rates(&seed_run.experiment.method, &model.adapter);
        groups.extend(rates.iter().map(|(name, patterns, factor)| {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            GroupConfig::new(name, &patterns, config.learning_rate * factor)
                .with_weight_decay(config.weight_decay)
                .with_decay_vectors(config.decay_vectors)
        }));
    }
    let mut fit_config = FitConfig::new(
        config.epochs,
        seed_run.seed,
        groups,
        config.schedule.config(config.warmup),
    );
    fit_config.clip_norm = Some(f64::from(config.clip_norm));

    let labels = samples.labels(&samples.train_indices());
    let loss = loss(seed_run, samples.all.classes().len(), &labels)?;
    let policy = CheckpointPolicy::new(seed_run.checkpoints(), seed_run.checkpoint_id());
    let long = adapts && config.epochs.saturating_mul(labels.len()) >= CHECKPOINT_FROM_IMAGES;
    let mut hooks = Hooks::none();
    if long {
        hooks = hooks.checkpoint(&policy);
    }
    // Weight of the loss of DEFLECT's soft constraint, which is on the norms of displacements.
    let norm_loss = match &seed_run.experiment.method {
        Method::Deflect(method) => method.norm_loss(),
        Method::Weights(_) => 0.0,
    };
    let outcome = if adapts {
        let objective =
            |model: &Trainable<B>, batch: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> {
                let images = image_tensor::<B>(&batch, device);
                let (features, state) =
                    readout.features_and_state(&base.vit, &model.adapter, images);
                let targets = loss.targets_of_classes::<B>(&batch.labels, device)?;
                let value = loss.forward(model.head.forward(features), &targets);
                let value = match state.norm_loss() {
                    Some(gap) => value + gap * norm_loss,
                    None => value,
                };
                Ok(Loss::mean(value, batch.len()).with_weight(targets.total_weight()))
            };
        let source = LoaderSource(seed_run.training_loader(samples)?);
        fit(model, &fit_config, &objective, &source, device, hooks)?
    } else {
        let objective = |model: &Trainable<B>,
                         chosen: Vec<usize>,
                         _: &StepContext|
         -> Result<Loss<B>, BoxError> {
            let classes: Vec<usize> = chosen.iter().map(|&row| labels[row]).collect();
            let targets = loss.targets_of_classes::<B>(&classes, device)?;
            let value = loss.forward(
                model
                    .head
                    .forward(rows::<B>(start_features, &chosen, device)),
                &targets,
            );
            Ok(Loss::mean(value, chosen.len()).with_weight(targets.total_weight()))
        };
        let batches = labels.len().div_ceil(config.batch_size);
        let orders: Vec<Vec<usize>> = (0..config.epochs)
            .map(|epoch| shuffled(labels.len(), seed_run.seed, epoch))
            .collect();
        let source = FnSource::new(batches, |epoch, index| -> Result<Vec<usize>, BoxError> {
            Ok(orders[epoch]
                .chunks(config.batch_size)
                .nth(index)
                .unwrap_or_default()
                .to_vec())
        });
        fit(model, &fit_config, &objective, &source, device, hooks)?
    };
    if long {
        policy.clear()?;
    }
    let peak = if adapts {
        config.learning_rate
    } else {
        config.head_learning_rate
    };
    Ok(Trained {
        curve: curve_points(&outcome.curve, peak),
        model: outcome.model,
    })
}

fn loss(
    seed_run: &SeedRun<'_>,
    classes: usize,
    labels: &[usize],
) -> Result<CrossEntropy, RunError> {
    let config = &seed_run.experiment.train;
    let mut counts = vec![0; classes];
    labels.iter().for_each(|&label| counts[label] += 1);
    let settings = CrossEntropyConfig {
        ignore_index: None,
        class_weights: if config.balanced_loss {
            ClassWeights::Balanced
        } else {
            ClassWeights::None
        },
        label_smoothing: config.label_smoothing,
    };
    Ok(CrossEntropy::new(&settings, classes, Some(&counts))?)
}

/// The order of feature rows in an epoch.
fn shuffled(rows: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut stream(&[
        "feature-order",
        &seed.to_string(),
        &epoch.to_string(),
    ]));
    order
}

/// Logits of features, row-major `[rows, classes]`.
pub(crate) fn logits<B: Backend>(
    head: &LinearHead<B>,
    features: &FeatureMatrix,
    device: &B::Device,
) -> Vec<f32> {
    let all: Vec<usize> = (0..features.rows).collect();
    head.forward(rows::<B>(features, &all, device))
        .into_data()
        .iter::<f32>()
        .collect()
}
