//! Training the adapter and the head of one seed; a frozen backbone trains its head on features computed once.

use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use eval::record::CurvePoint;
use heads::{ClassWeights, CrossEntropy, CrossEntropyConfig, LinearHead};
use rand::seq::SliceRandom;
use rs_datasets::{Batch, image_tensor, stream};
use training::{BoxError, FeatureMatrix, FnSource, Hooks, Loss, StepContext, fit};

use super::RunError;
use super::backbone::Backbone;
use super::batches::{LoaderSource, rows};
use super::model::{Readout, Trainable};
use super::seed::{Samples, SeedRun};

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
    part: &str,
    device: &B::Device,
) -> Result<Trained<B>, RunError> {
    let config = &seed_run.experiment.train;
    let recipe = seed_run.recipe(&model.adapter);
    let adapts = recipe.adapts;

    let labels = samples.labels(&samples.train_indices());
    let loss = loss(seed_run, samples.all.classes().len(), &labels)?;
    let long = adapts && config.epochs.saturating_mul(labels.len()) >= CHECKPOINT_FROM_IMAGES;
    let policy = seed_run.checkpoint_policy(long);
    let mut progress = seed_run.session.progress();
    let hooks = seed_run
        .session
        .hooks(Hooks::none(), policy.as_ref(), progress.as_deref_mut());
    let kept = if adapts {
        seed_run.prefix_tokens(part, samples, &model, base, readout, device)?
    } else {
        None
    };
    // The loss of rows whose features something else than a whole pass gives.
    let of_rows = |model: &Trainable<B>, features: Tensor<B, 2>, chosen: &[usize]| {
        let classes: Vec<usize> = chosen.iter().map(|&row| labels[row]).collect();
        let targets = loss.targets_of_classes::<B>(&classes, device)?;
        let value = loss.forward(model.head.forward(features), &targets);
        Ok::<_, BoxError>(Loss::mean(value, chosen.len()).with_weight(targets.total_weight()))
    };
    let outcome = if let Some(kept) = &kept {
        let objective = |model: &Trainable<B>, chosen: Vec<usize>, _: &StepContext| {
            let features = kept.features(&chosen, model, &base.vit, readout, device)?;
            of_rows(model, features, &chosen)
        };
        // The batches of the images themselves.
        let images = seed_run.training_loader(samples)?;
        let batches = images.batches_per_epoch();
        let source = FnSource::new(batches, |epoch, index| -> Result<Vec<usize>, BoxError> {
            let order = images.order(epoch as u64);
            let chosen = order.chunks(config.batch_size).nth(index);
            Ok(chosen.unwrap_or_default().to_vec())
        });
        fit(model, &recipe.fit, &objective, &source, device, hooks)?
    } else if adapts {
        let objective =
            |model: &Trainable<B>, batch: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> {
                let images = image_tensor::<B>(&batch, device);
                let (features, state) =
                    readout.features_and_state(&base.vit, &model.adapter, images);
                let targets = loss.targets_of_classes::<B>(&batch.labels, device)?;
                let value = loss.forward(model.head.forward(features), &targets);
                let value = recipe.with_norm_loss(value, state.norm_loss());
                Ok(Loss::mean(value, batch.len()).with_weight(targets.total_weight()))
            };
        let source = LoaderSource(seed_run.training_loader(samples)?);
        fit(model, &recipe.fit, &objective, &source, device, hooks)?
    } else {
        let objective = |model: &Trainable<B>, chosen: Vec<usize>, _: &StepContext| {
            of_rows(model, rows::<B>(start_features, &chosen, device), &chosen)
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
        fit(model, &recipe.fit, &objective, &source, device, hooks)?
    };
    seed_run.session.clear(policy.as_ref())?;
    if let Some(kept) = kept {
        kept.clear()?;
    }
    Ok(Trained {
        curve: recipe.curve(&outcome.curve),
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
pub(crate) fn shuffled(rows: usize, seed: u64, epoch: usize) -> Vec<usize> {
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
