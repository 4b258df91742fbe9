//! How a seed is watched, checkpointed and stopped; nothing here changes its result.

use training::{CheckpointPolicy, Hooks, Progress, TrainError};

use super::seed::SeedRun;

/// What happens beside the training of a seed. By default nothing is shown, and only long runs write checkpoints, one per epoch.
#[derive(Clone, Copy, Default)]
pub struct Session<'a> {
    /// Makes what shows the progress.
    pub progress: Option<&'a dyn Fn() -> Box<dyn Progress>>,
    /// Write a checkpoint after every so many optimiser steps and after every epoch, however short the run, and leave the last one:
    /// whoever started the run removes them when its results are safe.
    pub checkpoint_steps: Option<usize>,
    /// Asked after every step; `true` ends the run with an error, after a checkpoint.
    pub stop: Option<&'a dyn Fn() -> bool>,
}

impl<'a> Session<'a> {
    /// What shows the progress of one fit.
    pub(super) fn progress(&self) -> Option<Box<dyn Progress>> {
        self.progress.map(|make| make())
    }

    /// The hooks of a fit, with those of the session.
    pub(super) fn hooks<'h, V>(
        &self,
        mut hooks: Hooks<'h, V>,
        policy: Option<&'h CheckpointPolicy>,
        progress: Option<&'h mut (dyn Progress + 'static)>,
    ) -> Hooks<'h, V>
    where
        'a: 'h,
    {
        if let Some(policy) = policy {
            hooks = hooks.checkpoint(policy);
        }
        if let Some(progress) = progress {
            hooks = hooks.progress(progress);
        }
        if let Some(stop) = self.stop {
            hooks = hooks.stop(stop);
        }
        hooks
    }

    /// Removes the checkpoints of a fit that has ended, unless somebody else does.
    pub(super) fn clear(&self, policy: Option<&CheckpointPolicy>) -> Result<(), TrainError> {
        match policy {
            Some(policy) if self.checkpoint_steps.is_none() => policy.clear(),
            _ => Ok(()),
        }
    }
}

impl SeedRun<'_> {
    /// Where and how often checkpoints are written, if they are; `long` is whether the run is worth it unasked.
    pub(super) fn checkpoint_policy(&self, long: bool) -> Option<CheckpointPolicy> {
        let policy = || CheckpointPolicy::new(self.checkpoints(), self.checkpoint_id());
        match self.session.checkpoint_steps {
            Some(steps) => Some(policy().every_steps(steps.max(1))),
            None => long.then(policy),
        }
    }
}
