//! Training adapter and head on windows of the training images.

use burn::tensor::backend::AutodiffBackend;
use eval::record::CurvePoint;
use heads::detection::{DetectionLoss, TargetObject};
use rs_datasets::{Batch, image_tensor};
use training::{BoxError, Hooks, Loss, StepContext, fit};

use super::model::Detector;
use crate::experiment::DetectionConfig;
use crate::run::RunError;
use crate::run::backbone::Backbone;
use crate::run::batches::LoaderSource;
use crate::run::map_readout::MapReadout;
use crate::run::seed::{Samples, SeedRun};

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
    let recipe = seed_run.recipe(&model.adapter);

    let strides = asked.head.pyramid.strides(base.config.patch_size)?;
    let in_strides = asked.head.fcos.in_strides;
    let classes = windows.all.classes().len();
    let loss = DetectionLoss::new(&asked.loss, classes, &strides, in_strides, Some(counts))?;
    let objective =
        |model: &Detector<B>, batch: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> {
            let objects = targets(&batch)?;
            let pixels = image_tensor::<B>(&batch, device);
            let (map, state) = readout.last_map(&base.vit, &model.adapter, pixels);
            let value = loss.forward(model.head.forward(map), &objects)?.total();
            let value = recipe.with_norm_loss(value, state.norm_loss());
            Ok(Loss::mean(value, batch.len()))
        };
    let long = config.epochs.saturating_mul(windows.train) >= CHECKPOINT_FROM_WINDOWS;
    let policy = seed_run.checkpoint_policy(long);
    let mut progress = seed_run.session.progress();
    let hooks = seed_run
        .session
        .hooks(Hooks::none(), policy.as_ref(), progress.as_deref_mut());
    let source = LoaderSource(seed_run.training_loader(windows)?);
    let outcome = fit(model, &recipe.fit, &objective, &source, device, hooks)?;
    seed_run.session.clear(policy.as_ref())?;
    Ok(Trained {
        curve: recipe.curve(&outcome.curve),
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
