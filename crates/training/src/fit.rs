//! Configuration, hooks and outcome of a training run.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointPolicy;
use crate::curve::Curve;
use crate::groups::{GroupConfig, GroupCount};
use crate::objective::{BatchSource, Objective};
use crate::optimizer::OptimizerConfig;
use crate::progress::Progress;
use crate::schedule::ScheduleConfig;
use crate::trainer::Trainer;
use crate::{BoxError, TrainError};

/// When to stop before the last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Validations without improvement after which the run stops; at least 1.
    pub patience: usize,
}

/// Everything that decides the outcome of a run besides model, objective and batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitConfig {
    /// Passes over the source.
    pub epochs: usize,
    /// Root seed of dropout, masks and whatever else a batch draws.
    pub seed: u64,
    /// Optimiser; rates belong to the groups.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Parameter groups; every trainable parameter belongs to exactly one.
    pub groups: Vec<GroupConfig>,
    /// Learning-rate schedule over all steps.
    pub schedule: ScheduleConfig,
    /// Largest norm over all gradients; absent: no clipping.
    #[serde(default)]
    pub clip_norm: Option<f64>,
    /// Batches per optimiser step, at least 1. The last step of an epoch takes what is left.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Validate after every so many epochs, and after the last; used when a validation hook is given.
    #[serde(default = "one")]
    pub validate_every: usize,
    /// Early stopping; needs a validation hook.
    #[serde(default)]
    pub early_stopping: Option<EarlyStopping>,
    /// Return the parameters with the best validation score instead of the last ones; needs a validation hook.
    #[serde(default)]
    pub restore_best: bool,
}

fn one() -> usize {
    1
}

impl FitConfig {
    /// A run with the given length, seed, groups and schedule; AdamW, no clipping, no accumulation, no early stop.
    pub fn new(
        epochs: usize,
        seed: u64,
        groups: Vec<GroupConfig>,
        schedule: ScheduleConfig,
    ) -> Self {
        Self {
            epochs,
            seed,
            optimizer: OptimizerConfig::default(),
            groups,
            schedule,
            clip_norm: None,
            accumulate: 1,
            validate_every: 1,
            early_stopping: None,
            restore_best: false,
        }
    }

    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn validate(&self) -> Result<(), TrainError> {
        for (name, value) in [
            ("epochs", self.epochs),
            ("accumulate", self.accumulate),
            ("validate_every", self.validate_every),
        ] {
            if value == 0 {
                return Err(TrainError::setting(name, 0, "1 or above"));
            }
        }
        if let Some(stop) = self.early_stopping
            && stop.patience == 0
        {
            return Err(TrainError::setting("patience", 0, "1 or above"));
        }
        if let Some(norm) = self.clip_norm
            && !(norm.is_finite() && norm > 0.0)
        {
            return Err(TrainError::setting("clip_norm", norm, "finite and above 0"));
        }
        self.schedule.validate()?;
        self.optimizer.validate()
    }
}

/// Scores a model after an epoch (0-based); higher is better.
pub type Validate<'a, V> = dyn FnMut(&V, usize) -> Result<f64, BoxError> + 'a;

/// What else happens during a run. `V` is the model on the inner backend, without gradients.
pub struct Hooks<'a, V> {
    pub(crate) validate: Option<&'a mut Validate<'a, V>>,
    pub(crate) progress: Option<&'a mut dyn Progress>,
    pub(crate) checkpoint: Option<&'a CheckpointPolicy>,
    pub(crate) stop: Option<&'a dyn Fn() -> bool>,
}

impl<V> Default for Hooks<'_, V> {
    fn default() -> Self {
        Self {
            validate: None,
            progress: None,
            checkpoint: None,
            stop: None,
        }
    }
}

impl<'a, V> Hooks<'a, V> {
    /// No hooks: silent, without validation and checkpoints.
    pub fn none() -> Self {
        Self::default()
    }

    /// Scores the model during the run.
    pub fn validate(mut self, validate: &'a mut Validate<'a, V>) -> Self {
        self.validate = Some(validate);
        self
    }

    /// Shows progress.
    pub fn progress(mut self, progress: &'a mut dyn Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Writes checkpoints, and resumes from one that is there.
    pub fn checkpoint(mut self, policy: &'a CheckpointPolicy) -> Self {
        self.checkpoint = Some(policy);
        self
    }

    /// Asked after every step; `true` ends the run with [`TrainError::Interrupted`], after a checkpoint.
    pub fn stop(mut self, stop: &'a dyn Fn() -> bool) -> Self {
        self.stop = Some(stop);
        self
    }
}

/// The best validation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Its score.
    pub score: f64,
}

/// What a run gives back.
#[derive(Debug, Clone)]
pub struct FitOutcome<M> {
    /// The trained model: the best one if `restore_best` is set and a validation ran, else the last one.
    pub model: M,
    /// The training curve.
    pub curve: Curve,
    /// The best validation, if any ran.
    pub best: Option<Best>,
    /// Optimiser steps taken, those before a resume included.
    pub steps: usize,
    /// Whether early stopping ended the run.
    pub stopped_early: bool,
    /// The step at which this run took over from a checkpoint, if it did.
    pub resumed_at: Option<usize>,
    /// What each parameter group held.
    pub groups: Vec<GroupCount>,
}

/// Trains `model` on the batches of `source`.
///
/// Per step: for each of `accumulate` batches the backend is reseeded from (seed, batch number), the objective gives the
/// loss, and its gradient is added up with the batch's weight; then the weighted mean gradient is clipped by its global
/// norm and the optimiser moves each group by its rate times the schedule's factor.
///
/// # Errors
/// A setting outside its range; parameters that do not fit the groups; a loss, gradient or score that is not finite; an
/// error of the objective, source or validation; checkpoint files that cannot be written, or belong to another run.
pub fn fit<B, M, O, S>(
    model: M,
    config: &FitConfig,
    objective: &O,
    source: &S,
    device: &B::Device,
    hooks: Hooks<'_, M::InnerModule>,
) -> Result<FitOutcome<M>, TrainError>
where
    B: AutodiffBackend,
    M: AutodiffModule<B>,
    S: BatchSource,
    O: Objective<B, M, S::Batch>,
{
    config.validate()?;
    if hooks.validate.is_none() && (config.early_stopping.is_some() || config.restore_best) {
        return Err(TrainError::setting(
            "early_stopping or restore_best",
            "set",
            "absent without a validation hook",
        ));
    }
    Trainer::new(model, config, objective, source, device, hooks)?.run()
}
