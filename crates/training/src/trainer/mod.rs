//! The loop over epochs, batches and optimiser steps.

mod persist;
mod step;

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;

use crate::TrainError;
use crate::checkpoint::{self, EpochSums, RunState};
use crate::curve::EpochPoint;
use crate::fit::{Best, FitConfig, FitOutcome, Hooks};
use crate::groups::ParameterGroups;
use crate::module_state::ModuleState;
use crate::objective::{BatchSource, Objective};
use crate::optimizer::Optimizer;
use crate::progress::Plan;
use step::Gathered;

/// One run.
pub(crate) struct Trainer<'a, 'h, B: AutodiffBackend, M: AutodiffModule<B>, O, S> {
    /// Empty only while the optimiser maps it: a clone would keep a second copy of every parameter alive.
    slot: Option<M>,
    config: &'a FitConfig,
    objective: &'a O,
    source: &'a S,
    device: &'a B::Device,
    hooks: Hooks<'h, M::InnerModule>,
    groups: ParameterGroups,
    optimizer: Optimizer,
    state: RunState,
    /// Host copy of the parameters with the best score.
    best: Option<ModuleState>,
    identity: String,
    resumed_at: Option<usize>,
    batches: usize,
    total: usize,
}

impl<'a, 'h, B, M, O, S> Trainer<'a, 'h, B, M, O, S>
where
    B: AutodiffBackend,
    M: AutodiffModule<B>,
    S: BatchSource,
    O: Objective<B, M, S::Batch>,
{
    /// Prepares a run, from the newest checkpoint if there is one.
    pub(crate) fn new(
        model: M,
        config: &'a FitConfig,
        objective: &'a O,
        source: &'a S,
        device: &'a B::Device,
        hooks: Hooks<'h, M::InnerModule>,
    ) -> Result<Self, TrainError> {
        let groups = ParameterGroups::assign(&model, &config.groups)?;
        let batches = source.batches();
        if batches == 0 {
            return Err(TrainError::setting("batches per epoch", 0, "1 or above"));
        }
        if let Some(policy) = hooks.checkpoint
            && policy.every_steps == Some(0)
        {
            return Err(TrainError::setting("every_steps", 0, "1 or above"));
        }
        let run_id = hooks.checkpoint.map_or("", |p| p.run_id.as_str());
        let mut trainer = Self {
            slot: Some(model),
            config,
            objective,
            source,
            device,
            groups,
            optimizer: Optimizer::new(config.optimizer.clone()),
            state: RunState::default(),
            best: None,
            identity: checkpoint::identity(config, run_id)?,
            resumed_at: None,
            batches,
            total: batches.div_ceil(config.accumulate) * config.epochs,
            hooks,
        };
        trainer.resume()?;
        Ok(trainer)
    }

    /// Runs all epochs that are left.
    pub(crate) fn run(mut self) -> Result<FitOutcome<M>, TrainError> {
        let plan = Plan {
            epochs: self.config.epochs,
            steps: self.total,
            done: self.state.step,
        };
        if let Some(progress) = &mut self.hooks.progress {
            progress.begin(&plan);
        }
        let outcome = self.epochs();
        if let Some(progress) = &mut self.hooks.progress {
            progress.end();
        }
        outcome?;
        if self.config.restore_best
            && let Some(best) = self.best.take()
        {
            let model = self.take();
            self.slot = Some(best.apply::<B, M>(model).map_err(|e| {
                TrainError::setting("the best parameters", e, "those of this model")
            })?);
        }
        Ok(FitOutcome {
            model: self.take(),
            curve: self.state.curve,
            best: self.state.best,
            steps: self.state.step,
            stopped_early: self.state.stopped_early,
            resumed_at: self.resumed_at,
            groups: self.groups.counts(),
        })
    }

    fn epochs(&mut self) -> Result<(), TrainError> {
        while self.state.epoch < self.config.epochs && !self.state.stopped_early {
            self.epoch()?;
            self.close_epoch()?;
            self.save()?;
            let left = self.state.epoch < self.config.epochs && !self.state.stopped_early;
            if left && self.hooks.stop.is_some_and(|stop| stop()) {
                return Err(self.interrupted());
            }
        }
        Ok(())
    }

    /// The batches of the current epoch that are left.
    fn epoch(&mut self) -> Result<(), TrainError> {
        let (epoch, start) = (self.state.epoch, self.state.batch);
        let source = self.source;
        let mut batches = source
            .epoch(epoch, start)
            .map_err(|e| self.caller("the batch source", e))?;
        let mut gathered = Gathered::new();
        for index in start..self.batches {
            let batch = match batches.next() {
                Some(Ok(batch)) => batch,
                Some(Err(e)) => return Err(self.caller_at("the batch source", index, e)),
                None => return Err(self.batch_count(index)),
            };
            self.gather(&mut gathered, index, batch)?;
            if gathered.batches < self.config.accumulate && index + 1 < self.batches {
                continue;
            }
            self.state.batch = index + 1;
            self.step(std::mem::replace(&mut gathered, Gathered::new()))?;
            // The end of the epoch has its own checkpoint, which knows the validation score.
            if index + 1 < self.batches {
                self.after_step()?;
            }
        }
        if batches.next().is_some() {
            return Err(self.batch_count(self.batches + 1));
        }
        Ok(())
    }

    /// Checkpoint and interruption within an epoch.
    fn after_step(&self) -> Result<(), TrainError> {
        let due = self
            .hooks
            .checkpoint
            .and_then(|p| p.every_steps)
            .is_some_and(|n| self.state.step.is_multiple_of(n));
        let stop = self.hooks.stop.is_some_and(|stop| stop());
        if due || stop {
            self.save()?;
        }
        if stop {
            return Err(self.interrupted());
        }
        Ok(())
    }

    fn interrupted(&self) -> TrainError {
        TrainError::Interrupted {
            step: self.state.step,
        }
    }

    /// Validation, curve and early stopping at the end of an epoch.
    fn close_epoch(&mut self) -> Result<(), TrainError> {
        let epoch = self.state.epoch;
        let last = epoch + 1 == self.config.epochs;
        let due = last || (epoch + 1).is_multiple_of(self.config.validate_every);
        // The module is cloned onto the inner backend only when somebody looks at it.
        let inner = (due && self.hooks.validate.is_some()).then(|| self.model().valid());
        let score = match (&mut self.hooks.validate, inner) {
            (Some(validate), Some(inner)) => {
                let batch = self.batches;
                Some(
                    validate(&inner, epoch).map_err(|source| TrainError::Caller {
                        what: "the validation",
                        epoch,
                        batch,
                        source,
                    })?,
                )
            }
            _ => None,
        };
        if let Some(score) = score {
            if !score.is_finite() {
                return Err(TrainError::NonFiniteScore { epoch, score });
            }
            if self.state.best.is_none_or(|best| score > best.score) {
                self.state.best = Some(Best { epoch, score });
                self.state.stale = 0;
                if self.config.restore_best {
                    self.best = Some(ModuleState::of(self.model()));
                }
            } else {
                self.state.stale += 1;
            }
            if let Some(stop) = self.config.early_stopping {
                self.state.stopped_early = self.state.stale >= stop.patience && !last;
            }
        }
        let sums = std::mem::take(&mut self.state.sums);
        let EpochSums {
            loss,
            weight,
            norm,
            norms,
        } = sums;
        let point = EpochPoint {
            epoch,
            step: self.state.step,
            train_loss: (weight > 0.0).then(|| loss / weight),
            gradient_norm: (norms > 0).then(|| norm / norms as f64),
            rate_factor: self
                .config
                .schedule
                .factor(self.state.step.saturating_sub(1), self.total),
            score,
        };
        if let Some(progress) = &mut self.hooks.progress {
            progress.epoch(&point);
        }
        self.state.curve.epochs.push(point);
        self.state.epoch += 1;
        self.state.batch = 0;
        Ok(())
    }

    fn model(&self) -> &M {
        // Invariant: the slot is filled whenever a method returns normally.
        self.slot.as_ref().expect("the model is in its slot")
    }

    fn take(&mut self) -> M {
        // Invariant: as above; every caller fills the slot again or ends the run.
        self.slot.take().expect("the model is in its slot")
    }

    fn caller(&self, what: &'static str, source: crate::BoxError) -> TrainError {
        self.caller_at(what, self.state.batch, source)
    }

    fn caller_at(&self, what: &'static str, batch: usize, source: crate::BoxError) -> TrainError {
        TrainError::Caller {
            what,
            epoch: self.state.epoch,
            batch,
            source,
        }
    }

    fn batch_count(&self, found: usize) -> TrainError {
        TrainError::BatchCount {
            epoch: self.state.epoch,
            expected: self.batches,
            found,
        }
    }
}
