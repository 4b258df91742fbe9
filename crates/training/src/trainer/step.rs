//! One optimiser step: gradients of its batches, clipping, update.

use burn::module::AutodiffModule;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::Trainer;
use crate::TrainError;
use crate::checkpoint::RunState;
use crate::clip::{clip_scale, global_norm, scale_gradients};
use crate::objective::{BatchSource, Loss, Objective, StepContext};
use crate::progress::StepReport;
use crate::seed::derive_seed;

/// Gradient and loss gathered for one optimiser step.
pub(super) struct Gathered<M> {
    gradients: GradientsAccumulator<M>,
    pub(super) batches: usize,
    loss: f64,
    weight: f64,
    items: usize,
}

impl<M> Gathered<M> {
    pub(super) fn new() -> Self {
        Self {
            gradients: GradientsAccumulator::new(),
            batches: 0,
            loss: 0.0,
            weight: 0.0,
            items: 0,
        }
    }
}

impl<B, M, O, S> Trainer<'_, '_, B, M, O, S>
where
    B: AutodiffBackend,
    M: AutodiffModule<B>,
    S: BatchSource,
    O: Objective<B, M, S::Batch>,
{
    /// Adds the gradient of one batch. No tensor with a graph outlives this call.
    pub(super) fn gather(
        &self,
        gathered: &mut Gathered<M>,
        index: usize,
        batch: S::Batch,
    ) -> Result<(), TrainError> {
        let (epoch, step) = (self.state.epoch, self.state.step);
        let number = (epoch * self.batches + index) as u64;
        let seed = derive_seed(self.config.seed, "batch", number);
        B::seed(self.device, seed);
        let context = StepContext {
            epoch,
            batch: index,
            step,
            seed,
        };
        // Until the gradients are there; without it a training on another thread may take steps of this graph away.
        let _graph = fused_ops::lock_autodiff();
        let Loss {
            value,
            weight,
            items,
        } = self
            .objective
            .loss(self.model(), batch, &context)
            .map_err(|e| self.caller_at("the objective", index, e))?;
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(TrainError::BatchWeight { step, weight });
        }
        // A single number is read back; the graph goes with `value`.
        let loss: f64 = value.clone().detach().into_data().iter::<f64>().sum();
        if !loss.is_finite() {
            return Err(TrainError::NonFiniteLoss {
                step,
                epoch,
                batch: index,
                value: loss,
            });
        }
        gathered.batches += 1;
        gathered.items += items;
        if weight == 0.0 {
            return Ok(());
        }
        gathered.loss += loss * weight;
        gathered.weight += weight;
        let value = if self.config.accumulate > 1 {
            value * weight
        } else {
            value
        };
        // burn panics on the backward pass of a constant; adding a tracked zero makes it an empty set of gradients instead.
        let value = value + Tensor::zeros([1], self.device).require_grad();
        let gradients = GradientsParams::from_grads(value.backward(), self.model());
        if gradients.is_empty() {
            return Err(TrainError::NoGradient { step });
        }
        gathered.gradients.accumulate(self.model(), gradients);
        Ok(())
    }

    /// Moves the parameters by the gathered gradient.
    pub(super) fn step(&mut self, mut gathered: Gathered<M>) -> Result<(), TrainError> {
        let RunState { step, epoch, .. } = self.state;
        if gathered.weight > 0.0 {
            let mean = if self.config.accumulate > 1 {
                1.0 / gathered.weight
            } else {
                1.0
            };
            let gradients = gathered.gradients.grads();
            let norm = global_norm(self.model(), &gradients) * mean;
            if !norm.is_finite() {
                return Err(TrainError::NonFiniteGradient {
                    step,
                    epoch,
                    value: norm,
                });
            }
            let clip = self
                .config
                .clip_norm
                .map_or(1.0, |max| clip_scale(norm, max));
            let gradients = scale_gradients(self.model(), gradients, mean * clip);
            let factor = self.config.schedule.factor(step, self.total);
            let model = self.take();
            self.slot = Some(self.optimizer.step(model, gradients, &self.groups, factor));
            let sums = &mut self.state.sums;
            sums.loss += gathered.loss;
            sums.weight += gathered.weight;
            sums.norm += norm;
            sums.norms += 1;
        }
        self.state.step += 1;
        if let Some(progress) = &mut self.hooks.progress {
            progress.step(&StepReport {
                epoch,
                step: self.state.step,
                loss: (gathered.weight > 0.0).then(|| gathered.loss / gathered.weight),
                items: gathered.items,
            });
        }
        Ok(())
    }
}
