//! Training adapter and head on windows of the training images.

use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use eval::record::CurvePoint;
use heads::{ClassWeights, CrossEntropy, CrossEntropyConfig, Dice, Targets};
use rs_datasets::{
    Batch, Loader, LoaderConfig, Order, Pipeline, RandomCrop, RandomDihedral, Step, image_tensor,
};
use training::{BoxError, Hooks, Loss, StepContext, fit};

use super::data::Images;
use super::evaluate::evaluate;
use super::model::Segmenter;
use crate::experiment::{SegmentationConfig, SegmentationLoss};
use crate::run::RunError;
use crate::run::backbone::Backbone;
use crate::run::batches::LoaderSource;
use crate::run::map_readout::MapReadout;
use crate::run::seed::SeedRun;

/// Runs of fewer windows (epochs times training images) are repeated after a kill rather than resumed.
const CHECKPOINT_FROM_WINDOWS: usize = 20_000;

/// Label of pixels that count nothing.
const IGNORED: i64 = -1;

pub(super) struct Trained<B: AutodiffBackend> {
    pub(super) model: Segmenter<B>,
    pub(super) curve: Vec<CurvePoint>,
}

pub(super) fn train<B: AutodiffBackend>(
    seed_run: &SeedRun<'_>,
    asked: &SegmentationConfig,
    images: &Images,
    model: Segmenter<B>,
    base: &Backbone<B>,
    readout: &MapReadout,
    device: &B::Device,
) -> Result<Trained<B>, RunError> {
    let config = &seed_run.experiment.train;
    let mut recipe = seed_run.recipe(&model.adapter);
    let validates = asked.validate_every > 0;
    recipe.fit.validate_every = asked.validate_every.max(1);
    recipe.fit.restore_best = validates;

    let side = seed_run.experiment.input.size;
    let loss = PixelLoss::new(seed_run, asked.loss, images)?;
    let objective =
        |model: &Segmenter<B>, batch: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> {
            let targets = loss.targets(&batch, device)?;
            let pixels = image_tensor::<B>(&batch, device);
            let (maps, state) = readout.maps(&base.vit, &model.adapter, pixels);
            let value = loss.forward(model.head.forward(maps, [side, side]), &targets);
            let value = recipe.with_norm_loss(value, state.norm_loss());
            Ok(Loss::mean(value, batch.len()).with_weight(targets.total_weight()))
        };
    let frozen = base.vit.valid();
    let mut score = |model: &Segmenter<B::InnerBackend>, _: usize| -> Result<f64, BoxError> {
        let rows = images.validation.clone();
        let found = evaluate(
            images,
            rows,
            asked.evaluate,
            side,
            readout,
            &frozen,
            model,
            device,
            0,
        )?;
        let miou = found.counts.evaluate().metrics[eval::metric::names::MIOU];
        miou.ok_or_else(|| "no pixel of the validation part has a label".into())
    };
    let long = config.epochs.saturating_mul(images.train.len()) >= CHECKPOINT_FROM_WINDOWS;
    let policy = seed_run.checkpoint_policy(long);
    let mut progress = seed_run.session.progress();
    let mut hooks = Hooks::none();
    if validates {
        hooks = hooks.validate(&mut score);
    }
    let hooks = seed_run
        .session
        .hooks(hooks, policy.as_ref(), progress.as_deref_mut());
    let source = LoaderSource(loader(seed_run, images)?);
    let outcome = fit(model, &recipe.fit, &objective, &source, device, hooks)?;
    seed_run.session.clear(policy.as_ref())?;
    Ok(Trained {
        curve: recipe.curve(&outcome.curve),
        model: outcome.model,
    })
}

/// Windows of the training images, shuffled by the seed.
fn loader(seed_run: &SeedRun<'_>, images: &Images) -> Result<Loader, RunError> {
    let config = &seed_run.experiment.train;
    let side = seed_run.experiment.input.size;
    let mut steps = vec![Step::RandomCrop(RandomCrop {
        height: side,
        width: side,
    })];
    if config.augment {
        steps.push(Step::RandomDihedral(RandomDihedral::default()));
    }
    let mut loading = LoaderConfig::new(config.batch_size, Order::Shuffled, seed_run.seed);
    // Decoded images need no more than one thread to be cut; the cores belong to the model.
    loading.threads = usize::from(images.decoded);
    // A batch of one image pools to one value per channel, which cannot be normalised: left out where others remain.
    let rows = images.train.len();
    loading.drop_last = rows > config.batch_size && rows % config.batch_size == 1;
    Ok(Loader::new(
        images.all.clone(),
        images.train.clone().collect(),
        Pipeline::new(steps),
        loading,
    )?)
}

/// The loss over the pixels of a batch.
struct PixelLoss {
    entropy: CrossEntropy,
    kind: SegmentationLoss,
}

impl PixelLoss {
    fn new(
        seed_run: &SeedRun<'_>,
        kind: SegmentationLoss,
        images: &Images,
    ) -> Result<Self, RunError> {
        let config = &seed_run.experiment.train;
        let counts = match config.balanced_loss {
            true => Some(images.class_counts()?),
            false => None,
        };
        let settings = CrossEntropyConfig {
            ignore_index: Some(IGNORED),
            class_weights: if config.balanced_loss {
                ClassWeights::Balanced
            } else {
                ClassWeights::None
            },
            label_smoothing: config.label_smoothing,
        };
        let classes = images.all.classes().len();
        Ok(Self {
            entropy: CrossEntropy::new(&settings, classes, counts.as_deref())?,
            kind,
        })
    }

    fn targets<B: AutodiffBackend>(
        &self,
        batch: &Batch,
        device: &B::Device,
    ) -> Result<Targets<B>, BoxError> {
        let masks = batch
            .masks
            .as_deref()
            .ok_or("a batch without label masks")?;
        let labels: Vec<i64> = masks.iter().map(|&label| i64::from(label)).collect();
        Ok(self.entropy.targets::<B>(&labels, device)?)
    }

    fn forward<B: AutodiffBackend>(
        &self,
        logits: Tensor<B, 4>,
        targets: &Targets<B>,
    ) -> Tensor<B, 1> {
        let dice = Dice::default();
        match self.kind {
            SegmentationLoss::CrossEntropy => self.entropy.forward_map(logits, targets),
            SegmentationLoss::Dice => dice.forward_map(logits, targets),
            SegmentationLoss::CrossEntropyAndDice => {
                self.entropy.forward_map(logits.clone(), targets)
                    + dice.forward_map(logits, targets)
            }
        }
    }
}
