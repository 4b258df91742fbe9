//! Saving a run and taking it up again.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;

use super::Trainer;
use crate::TrainError;
use crate::checkpoint::{self, RunState};
use crate::module_state::ModuleState;
use crate::objective::{BatchSource, Objective};
use crate::optimizer::Optimizer;

impl<B, M, O, S> Trainer<'_, '_, B, M, O, S>
where
    B: AutodiffBackend,
    M: AutodiffModule<B>,
    S: BatchSource,
    O: Objective<B, M, S::Batch>,
{
    pub(super) fn save(&self) -> Result<(), TrainError> {
        let Some(policy) = self.hooks.checkpoint else {
            return Ok(());
        };
        let (optimizer, updates) = self.optimizer.save(self.model());
        let state = RunState {
            updates: updates.into_iter().collect(),
            ..self.state.clone()
        };
        checkpoint::save(
            &policy.directory,
            &self.identity,
            state,
            ModuleState::of(self.model()).entries(),
            &optimizer,
            self.best.as_ref().map(ModuleState::entries),
        )
    }

    pub(super) fn resume(&mut self) -> Result<(), TrainError> {
        let Some(policy) = self.hooks.checkpoint else {
            return Ok(());
        };
        let Some(found) = checkpoint::load(&policy.directory, &self.identity)? else {
            return Ok(());
        };
        let foreign = |what: String| TrainError::Foreign {
            path: policy.directory.clone(),
            what,
        };
        let state = found.state;
        let impossible = state.epoch > self.config.epochs
            || state.batch >= self.batches.max(1)
            || state.step > self.total
            || state.curve.epochs.len() != state.epoch;
        if impossible {
            return Err(foreign(format!(
                "it stands at epoch {}, batch {}, step {}, which this run of {} epochs of {} batches never reaches",
                state.epoch, state.batch, state.step, self.config.epochs, self.batches
            )));
        }
        let model = self.take();
        self.slot = Some(
            ModuleState::from_map(found.model)
                .apply::<B, M>(model)
                .map_err(foreign)?,
        );
        self.optimizer = Optimizer::load::<B, M>(
            self.config.optimizer.clone(),
            self.model(),
            found.optimizer,
            state.updates.clone().into_iter().collect(),
        )
        .map_err(foreign)?;
        self.best = found.best.map(ModuleState::from_map);
        self.resumed_at = Some(state.step);
        self.state = state;
        Ok(())
    }
}
