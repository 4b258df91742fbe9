//! AdamW and SGD with per-group rates, as PyTorch defines them.
//!
//! One walk over the module updates all groups; the state is kept per parameter, readable, so that checkpoints hold it
//! by name. burn's own AdamW forms the bias corrections in f32, which at step 2 is off by 1e-5 of the update; here they
//! are formed in f64 on the host.

use std::collections::HashMap;

use burn::module::{AutodiffModule, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use fused_ops::AdamWStep;

use super::{AdamWConfig, OptimizerConfig, SgdConfig};
use crate::groups::ParameterGroups;

/// Running state of an optimiser over the parameters of one module.
pub(crate) struct Optimizer {
    config: OptimizerConfig,
    /// Updates that each parameter has seen.
    pub(super) updates: HashMap<ParamId, u64>,
    /// First moment (AdamW) or velocity (SGD).
    pub(super) first: GradientsParams,
    /// Second moment (AdamW).
    pub(super) second: GradientsParams,
}

impl Optimizer {
    pub(crate) fn new(config: OptimizerConfig) -> Self {
        Self {
            config,
            updates: HashMap::new(),
            first: GradientsParams::new(),
            second: GradientsParams::new(),
        }
    }

    /// Updates every grouped parameter that has a gradient; `factor` is the schedule's.
    pub(crate) fn step<B: AutodiffBackend, M: AutodiffModule<B>>(
        &mut self,
        module: M,
        grads: GradientsParams,
        groups: &ParameterGroups,
        factor: f64,
    ) -> M {
        module.map(&mut Updater {
            optimizer: self,
            grads,
            groups,
            factor,
        })
    }

    /// `p ← p - lr·λ·p - lr·m̂/(√v̂ + ε)`, in the order of operations of PyTorch.
    fn adamw<B: Backend, const D: usize>(
        &mut self,
        config: AdamWConfig,
        id: ParamId,
        value: Tensor<B, D>,
        grad: Tensor<B, D>,
        rate: f64,
        decay: f64,
    ) -> Tensor<B, D> {
        let step = AdamWStep {
            beta1: config.beta1,
            beta2: config.beta2,
            epsilon: config.epsilon,
            rate,
            decay,
            time: self.count(id),
        };
        let moments = self
            .first
            .remove::<B, D>(id)
            .zip(self.second.remove::<B, D>(id))
            .map(|(first, second)| [first, second]);
        let (value, [first, second]) = fused_ops::adamw(value, grad, moments, &step);
        self.first.register::<B, D>(id, first);
        self.second.register::<B, D>(id, second);
        value
    }

    /// `g ← g + λp; v ← μv + g; p ← p - lr·v` (or `g + μv` with Nesterov).
    fn sgd<B: Backend, const D: usize>(
        &mut self,
        config: SgdConfig,
        id: ParamId,
        value: Tensor<B, D>,
        grad: Tensor<B, D>,
        rate: f64,
        decay: f64,
    ) -> Tensor<B, D> {
        self.count(id);
        let grad = if decay == 0.0 {
            grad
        } else {
            grad + value.clone() * decay
        };
        if config.momentum == 0.0 {
            return value - grad * rate;
        }
        let velocity = match self.first.remove::<B, D>(id) {
            Some(v) => v * config.momentum + grad.clone(),
            None => grad.clone(),
        };
        let direction = if config.nesterov {
            grad + velocity.clone() * config.momentum
        } else {
            velocity.clone()
        };
        self.first.register::<B, D>(id, velocity);
        value - direction * rate
    }

    /// Counts an update; returns the count including it.
    fn count(&mut self, id: ParamId) -> i32 {
        let count = self.updates.entry(id).or_insert(0);
        *count += 1;
        i32::try_from(*count).unwrap_or(i32::MAX)
    }
}

/// Applies one optimiser step.
struct Updater<'a> {
    optimizer: &'a mut Optimizer,
    grads: GradientsParams,
    groups: &'a ParameterGroups,
    factor: f64,
}

impl<B: AutodiffBackend> ModuleMapper<B> for Updater<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(info) = self.groups.get(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let Some(grad) = self.grads.remove::<B::InnerBackend, D>(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let group = &self.groups.configs()[info.group];
        let rate = group.learning_rate * self.factor;
        let decay = if D == 1 && !group.decay_vectors {
            0.0
        } else {
            group.weight_decay
        };
        // The inner tensor carries no graph, so nothing of this step stays alive.
        let value = tensor.inner();
        let value = match self.optimizer.config.clone() {
            OptimizerConfig::AdamW(c) => self.optimizer.adamw(c, id, value, grad, rate, decay),
            OptimizerConfig::Sgd(c) => self.optimizer.sgd(c, id, value, grad, rate, decay),
        };
        Param::from_mapped_value(id, Tensor::from_inner(value).require_grad(), mapper)
    }
}
