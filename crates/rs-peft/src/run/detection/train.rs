//! Training adapter and head on windows of the training images.

use burn::module::Module;
use burn::tensor::backend::AutodiffBackend;
use eval::record::CurvePoint;
use heads::detection::{DetectionLoss, TargetObject};
use rs_datasets::{Batch, image_tensor};
use training::{BoxError, CheckpointPolicy, FitConfig, GroupConfig, Hooks, Loss, StepContext, fit};

use super::model::{Detector, MapReadout};
use crate::experiment::{DetectionConfig, Method};
use crate::run::RunError;
use crate::run::backbone::Backbone;
use crate::run::batches::LoaderSource;
use crate::run::model::adapter_rates;
use crate::run::seed::{Samples, SeedRun, curve_points};

/// Runs of fewer windows (epochs times windows) are repeated after a kill rather than resumed.
const CHECKPOINT_FROM_WINDOWS: usize = 20_000;

pub(super) struct Trained<B: AutodiffBackend> {
    pub(super) model: Detector<B>,
    pub(super) curve: Vec<CurvePoint>,
}

/// `counts`: objects of the training images per class.
pub(super) fn train<B: AutodiffBackend>(
    seed_run: &SeedRun<'_>,
    asked: &DetectionConfig,
    windows: &Samples,
    counts: &[usize],
    model: Detector<B>,
    base: &Backbone<B>,
    readout: &MapReadout,
    device: &B::Device,
) -> Result<Trained<B>, RunError> {
    let config = &seed_run.experiment.train;
    let adapts = model.adapter.num_params() > 0;
    let group = |name: &str, patterns: &[&str], rate: f64| {
        GroupConfig::new(name, patterns, rate)
            .with_weight_decay(config.weight_decay)
            .with_decay_vectors(config.decay_vectors)
    };
    let mut groups = vec![group("head", &["head.*"], config.head_learning_rate)];
    if adapts {
        let rates = adapter_rates(&seed_run.experiment.method, &model.adapter);
        groups.extend(rates.iter().map(|(name, patterns, factor)| {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            group(name, &patterns, config.learning_rate * factor)
        }));
    }
    let schedule = config.schedule.config(config.warmup);
    let mut fit_config = FitConfig::new(config.epochs, seed_run.seed, groups, schedule);
    fit_config.clip_norm = Some(f64::from(config.clip_norm));

    let strides = asked.head.pyramid.strides(base.config.patch_size)?;
    let in_strides = asked.head.fcos.in_strides;
    let classes = windows.all.classes().len();
    let loss = DetectionLoss::new(&asked.loss, classes, &strides, in_strides, Some(counts))?;
    // Weight of the loss of DEFLECT's soft constraint, which is on the norms of displacements.
    let norm_loss = match &seed_run.experiment.method {
        Method::Deflect(method) => method.norm_loss(),
        Method::Weights(_) => 0.0,
    };
    let objective =
        |model: &Detector<B>, batch: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> {
            let objects = targets(&batch)?;
            let pixels = image_tensor::<B>(&batch, device);
            let (map, state) = readout.map(&base.vit, &model.adapter, pixels);
            let value = loss.forward(model.head.forward(map), &objects)?.total();
            let value = match state.norm_loss() {
                Some(gap) => value + gap * norm_loss,
                None => value,
            };
            Ok(Loss::mean(value, batch.len()))
        };
    let policy = CheckpointPolicy::new(seed_run.checkpoints(), seed_run.checkpoint_id());
    let long = config.epochs.saturating_mul(windows.train) >= CHECKPOINT_FROM_WINDOWS;
    let mut hooks = Hooks::none();
    if long {
        hooks = hooks.checkpoint(&policy);
    }
    let source = LoaderSource(seed_run.training_loader(windows)?);
    let outcome = fit(model, &fit_config, &objective, &source, device, hooks)?;
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

/// The objects of every window. Difficult ones are neither learned nor background; those without area are left out.
fn targets(batch: &Batch) -> Result<Vec<Vec<TargetObject>>, BoxError> {
    let images = batch
        .objects
        .as_ref()
        .ok_or("a batch without labelled objects")?;
    Ok(images
        .iter()
        .map(|objects| {
            let target = |o: &rs_datasets::OrientedObject| {
                TargetObject::of_quad(&o.quad, o.class, o.is_difficult())
            };
            objects.iter().filter_map(target).collect()
        })
        .collect())
}
