//! The first stage: a LoRA trained on the task, behind tokens that were computed once, and merged into the backbone.

use burn::module::{AutodiffModule, Module};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use eval::record::CurvePoint;
use heads::{
    ClassWeights, CrossEntropy, CrossEntropyConfig, HeadError, ImbalanceLoss, ImbalanceLossConfig,
    Standardiser, Targets,
};
use peft_lora::{BaseIdentity, LoadOptions, MethodConfig, PeftAdapter};
use serde::{Deserialize, Serialize};
use training::{
    BoxError, FitConfig, FnSource, GroupConfig, Hooks, Loss, ScheduleConfig, StepContext, fit,
};
use vit_backbone::Vit;

use super::rows::Labelled;
use super::stages::Stages;
use super::tokens::Bank;
use crate::experiment::TrainConfig;
use crate::run::RunError;
use crate::run::backbone::Backbone;
use crate::run::seed::{SeedRun, curve_points};
use crate::run::train::shuffled;

/// Share of the epochs after which deferred weights count.
const DEFERRED_FROM: f64 = 0.8;

/// Adapter and head of the task.
#[derive(Module, Debug)]
struct TaskModel<B: Backend> {
    adapter: PeftAdapter<B>,
    head: Linear<B>,
}

/// A backbone with the task's LoRA in its weights.
pub(super) struct Tuned<B: Backend> {
    pub(super) vit: Vit<B>,
    pub(super) parameters: usize,
    pub(super) curve: Vec<CurvePoint>,
}

/// What the stage says of itself beside the adapter.
#[derive(Serialize, Deserialize)]
struct Note {
    curve: Vec<CurvePoint>,
}

/// The name of the stage's files.
const STAGE: &str = "1-task";

impl SeedRun<'_> {
    /// Trains `method` on the training part, or takes up what was trained. `train` has the raw features of the frozen backbone.
    pub(super) fn task<B: AutodiffBackend>(
        &self,
        method: &MethodConfig,
        base: &Backbone<B>,
        bank: &Bank<'_>,
        (train, counts): (&Labelled, &[usize]),
        stages: &Stages,
        device: &B::Device,
    ) -> Result<Tuned<B>, RunError> {
        let identity = BaseIdentity {
            sha256: Some(base.sha256.clone()),
            name: Some(self.experiment.backbone.weights.clone()),
        };
        let folder = stages.folder.join(STAGE);
        let (adapter, curve) = match stages.get::<Note>(STAGE) {
            Some(note) => {
                let options = LoadOptions {
                    base_sha256: Some(base.sha256.clone()),
                    ..LoadOptions::default()
                };
                let found = PeftAdapter::load(&folder, &base.vit, &base.config, &options, device)?;
                (found.adapter, note.curve)
            }
            None => {
                let (adapter, curve) =
                    self.train_task(method, base, bank, (train, counts), device)?;
                adapter.valid().save(&folder, method, None, &identity)?;
                stages.put(
                    STAGE,
                    &Note {
                        curve: curve.clone(),
                    },
                )?;
                (adapter, curve)
            }
        };
        Ok(Tuned {
            parameters: adapter.trainable_parameters(),
            vit: adapter.merge(&base.vit)?.no_grad(),
            curve,
        })
    }

    fn train_task<B: AutodiffBackend>(
        &self,
        method: &MethodConfig,
        base: &Backbone<B>,
        bank: &Bank<'_>,
        (train, counts): (&Labelled, &[usize]),
        device: &B::Device,
    ) -> Result<(PeftAdapter<B>, Vec<CurvePoint>), RunError> {
        let config = &self.experiment.train;
        let statistics = Standardiser::fit(&train.table()?);
        let (mean, std) = constants::<B>(&statistics, device);
        let loss = TaskLoss::new(config, counts)?;
        let cosine = loss.cosine();
        B::seed(device, self.seed);
        let model = TaskModel {
            adapter: method.init(&base.vit, &base.config, self.seed, device)?,
            head: LinearConfig::new(train.dim, counts.len())
                .with_bias(!cosine)
                .init(device),
        };
        let mut groups: Vec<GroupConfig> = method
            .rate_groups()
            .into_iter()
            .map(|group| {
                let patterns: Vec<String> = group
                    .patterns
                    .iter()
                    .map(|p| format!("adapter.{p}"))
                    .collect();
                let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
                GroupConfig::new(group.name, &patterns, config.learning_rate * group.factor)
                    .with_weight_decay(config.weight_decay)
            })
            .collect();
        groups.push(
            GroupConfig::new("head", &["head.*"], config.head_learning_rate)
                .with_weight_decay(config.weight_decay),
        );
        let schedule = ScheduleConfig::cosine(config.warmup);
        let mut fit_config = FitConfig::new(config.epochs, self.seed, groups, schedule);
        fit_config.clip_norm = Some(f64::from(config.clip_norm));
        let trunk = bank.trunk(&base.vit, device);
        let late = (config.epochs as f64 * DEFERRED_FROM).floor() as usize;
        let objective = |model: &TaskModel<B>,
                         chosen: Vec<usize>,
                         context: &StepContext|
         -> Result<Loss<B>, BoxError> {
            let tokens = trunk.batch(&bank.train, &chosen, device);
            let features = trunk.features(&model.adapter, tokens);
            let z = (features - mean.clone()) / std.clone();
            let logits = if cosine {
                let unit = |x: Tensor<B, 2>, axis| {
                    let squares = x.clone().powi_scalar(2).sum_dim(axis);
                    x / squares.clamp_min(1e-12).sqrt()
                };
                unit(z, 1).matmul(unit(model.head.weight.val(), 0))
            } else {
                model.head.forward(z)
            };
            let labels: Vec<usize> = chosen.iter().map(|&row| train.labels[row]).collect();
            let (value, weight) = loss.of(logits, &labels, context.epoch >= late, device)?;
            Ok(Loss::mean(value, chosen.len()).with_weight(weight))
        };
        let orders: Vec<Vec<usize>> = (0..config.epochs)
            .map(|epoch| shuffled(train.labels.len(), self.seed, epoch))
            .collect();
        let batches = train.labels.len().div_ceil(config.batch_size);
        let source = FnSource::new(batches, |epoch, index| -> Result<Vec<usize>, BoxError> {
            let batch = orders[epoch].chunks(config.batch_size).nth(index);
            Ok(batch.unwrap_or_default().to_vec())
        });
        let outcome = fit(
            model,
            &fit_config,
            &objective,
            &source,
            device,
            Hooks::none(),
        )?;
        let curve = curve_points(&outcome.curve, config.learning_rate);
        Ok((outcome.model.adapter, curve))
    }
}

/// The statistics as `[1, dim]` tensors.
pub(super) fn constants<B: Backend>(
    statistics: &Standardiser,
    device: &B::Device,
) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let row = |values: &[f64]| {
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let dim = values.len();
        Tensor::from_data(TensorData::new(values, [1, dim]), device)
    };
    (row(&statistics.mean), row(&statistics.std))
}

/// The loss of the task: the same before and after re-weighting, or two.
enum TaskLoss {
    CrossEntropy {
        early: CrossEntropy,
        late: CrossEntropy,
    },
    Imbalance {
        early: ImbalanceLoss,
        late: ImbalanceLoss,
        cosine: bool,
    },
}

impl TaskLoss {
    fn new(config: &TrainConfig, counts: &[usize]) -> Result<Self, HeadError> {
        let weights = if config.balanced_loss {
            ClassWeights::Balanced
        } else {
            ClassWeights::None
        };
        let deferred = match config.deferred_beta {
            Some(beta) => ClassWeights::Effective { beta },
            None => weights.clone(),
        };
        Ok(match &config.loss {
            None => {
                let with = |class_weights| {
                    let settings = CrossEntropyConfig {
                        ignore_index: None,
                        class_weights,
                        label_smoothing: config.label_smoothing,
                    };
                    CrossEntropy::new(&settings, counts.len(), Some(counts))
                };
                Self::CrossEntropy {
                    early: with(weights)?,
                    late: with(deferred)?,
                }
            }
            Some(loss) => Self::Imbalance {
                early: ImbalanceLoss::new(loss, &weights, counts)?,
                late: ImbalanceLoss::new(loss, &deferred, counts)?,
                cosine: matches!(loss, ImbalanceLossConfig::Ldam { .. }),
            },
        })
    }

    /// Whether logits are cosines.
    fn cosine(&self) -> bool {
        matches!(self, Self::Imbalance { cosine: true, .. })
    }

    /// The loss, and the weight of the batch.
    fn of<B: Backend>(
        &self,
        logits: Tensor<B, 2>,
        labels: &[usize],
        is_late: bool,
        device: &B::Device,
    ) -> Result<(Tensor<B, 1>, f64), HeadError> {
        let weight = |targets: &Targets<B>| targets.total_weight();
        Ok(match self {
            Self::CrossEntropy { early, late } => {
                let loss = if is_late { late } else { early };
                let targets = loss.targets_of_classes::<B>(labels, device)?;
                (loss.forward(logits, &targets), weight(&targets))
            }
            Self::Imbalance { early, late, .. } => {
                let loss = if is_late { late } else { early };
                let targets = loss.targets::<B>(labels, device)?;
                (loss.forward(logits, &targets), weight(&targets))
            }
        })
    }
}
