//! AdamW and SGD with per-group rates, as PyTorch defines them.
//!
//! One walk over the module updates all groups; the state is kept per parameter, readable, so that checkpoints hold it
//! by name. burn's own AdamW forms the bias corrections in f32, which at step 2 is off by 1e-5 of the update; here they
//! are formed in f64 on the host.

use std::collections::HashMap;

use burn::module::{AutodiffModule, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::groups::ParameterGroups;
use crate::paths::PathStack;

/// AdamW with decoupled decay (Loshchilov and Hutter 2019, algorithm 2); defaults as `torch.optim.AdamW`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

/// Stochastic gradient descent with momentum, as `torch.optim.SGD` with dampening 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// Momentum; 0 keeps no state.
    pub momentum: f64,
    /// Nesterov's variant.
    pub nesterov: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            momentum: 0.9,
            nesterov: false,
        }
    }
}

/// The optimiser of a run; rates and decay belong to the groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// See [`AdamWConfig`].
    AdamW(AdamWConfig),
    /// See [`SgdConfig`].
    Sgd(SgdConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::AdamW(AdamWConfig::default())
    }
}

impl OptimizerConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let factor = |name: &str, value: f64| {
            if (0.0..1.0).contains(&value) {
                return Ok(());
            }
            Err(TrainError::setting(name, value, "at least 0 and below 1"))
        };
        match self {
            Self::AdamW(c) => {
                factor("beta1", c.beta1)?;
                factor("beta2", c.beta2)?;
                if !(c.epsilon.is_finite() && c.epsilon > 0.0) {
                    return Err(TrainError::setting(
                        "epsilon",
                        c.epsilon,
                        "finite and above 0",
                    ));
                }
                Ok(())
            }
            Self::Sgd(c) => {
                factor("momentum", c.momentum)?;
                if c.nesterov && c.momentum == 0.0 {
                    return Err(TrainError::setting(
                        "nesterov",
                        true,
                        "used with a momentum above 0",
                    ));
                }
                Ok(())
            }
        }
    }
}

/// Running state of an optimiser over the parameters of one module.
pub(crate) struct Optimizer {
    config: OptimizerConfig,
    /// Updates that each parameter has seen.
    updates: HashMap<ParamId, u64>,
    /// First moment (AdamW) or velocity (SGD).
    first: GradientsParams,
    /// Second moment (AdamW).
    second: GradientsParams,
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
    fn adamw<B: burn::tensor::backend::Backend, const D: usize>(
        &mut self,
        config: AdamWConfig,
        id: ParamId,
        value: Tensor<B, D>,
        grad: Tensor<B, D>,
        rate: f64,
        decay: f64,
    ) -> Tensor<B, D> {
        let time = self.count(id);
        let (b1, b2) = (config.beta1, config.beta2);
        let first = match self.first.remove::<B, D>(id) {
            Some(m) => m * b1 + grad.clone() * (1.0 - b1),
            None => grad.clone() * (1.0 - b1),
        };
        let square = grad.clone() * grad;
        let second = match self.second.remove::<B, D>(id) {
            Some(v) => v * b2 + square * (1.0 - b2),
            None => square * (1.0 - b2),
        };
        let correction1 = 1.0 - b1.powi(time);
        let correction2 = 1.0 - b2.powi(time);
        let root = second.clone().sqrt() / correction2.sqrt() + config.epsilon;
        let value = if decay == 0.0 {
            value
        } else {
            value * (1.0 - rate * decay)
        };
        let value = value - first.clone() / root * (rate / correction1);
        self.first.register::<B, D>(id, first);
        self.second.register::<B, D>(id, second);
        value
    }

    /// `g ← g + λp; v ← μv + g; p ← p - lr·v` (or `g + μv` with Nesterov).
    fn sgd<B: burn::tensor::backend::Backend, const D: usize>(
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

    /// The state by parameter name: tensors under `first.NAME` and `second.NAME`, and update counts by name.
    pub(crate) fn save<B: AutodiffBackend, M: AutodiffModule<B>>(
        &self,
        module: &M,
    ) -> (Vec<(String, TensorData)>, HashMap<String, u64>) {
        let mut saver = Saver {
            optimizer: self,
            path: PathStack::default(),
            tensors: Vec::new(),
            updates: HashMap::new(),
        };
        module.visit(&mut saver);
        (saver.tensors, saver.updates)
    }

    /// Restores what [`save`](Self::save) gave. Says what does not fit: a name without parameter, or another shape.
    pub(crate) fn load<B: AutodiffBackend, M: AutodiffModule<B>>(
        config: OptimizerConfig,
        module: &M,
        tensors: HashMap<String, TensorData>,
        updates: HashMap<String, u64>,
    ) -> Result<Self, String> {
        let mut loader = Loader {
            optimizer: Self::new(config),
            path: PathStack::default(),
            tensors,
            updates,
            problem: None,
        };
        module.visit(&mut loader);
        if let Some(problem) = loader.problem {
            return Err(problem);
        }
        if let Some(name) = loader.tensors.keys().chain(loader.updates.keys()).next() {
            return Err(format!("optimiser state {name} belongs to no parameter"));
        }
        Ok(loader.optimizer)
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

/// Collects the state by name.
struct Saver<'a> {
    optimizer: &'a Optimizer,
    path: PathStack,
    tensors: Vec<(String, TensorData)>,
    updates: HashMap<String, u64>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Saver<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = self.path.name();
        for (kind, container) in [
            ("first", &self.optimizer.first),
            ("second", &self.optimizer.second),
        ] {
            if let Some(tensor) = container.get::<B::InnerBackend, D>(param.id) {
                self.tensors
                    .push((format!("{kind}.{name}"), tensor.into_data()));
            }
        }
        if let Some(count) = self.optimizer.updates.get(&param.id) {
            self.updates.insert(name, *count);
        }
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }
}

/// Puts the state back under the identifiers of this process.
struct Loader {
    optimizer: Optimizer,
    path: PathStack,
    tensors: HashMap<String, TensorData>,
    updates: HashMap<String, u64>,
    problem: Option<String>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Loader {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = self.path.name();
        if let Some(count) = self.updates.remove(&name) {
            self.optimizer.updates.insert(param.id, count);
        }
        let value = param.val();
        for (kind, container) in [
            ("first", &mut self.optimizer.first),
            ("second", &mut self.optimizer.second),
        ] {
            let Some(data) = self.tensors.remove(&format!("{kind}.{name}")) else {
                continue;
            };
            if data.shape.to_vec() != value.dims() {
                self.problem = Some(format!(
                    "optimiser state {kind}.{name} has shape {:?}, the parameter {:?}",
                    data.shape.to_vec(),
                    value.dims()
                ));
                return;
            }
            let dtype = data.dtype;
            let tensor = Tensor::<B::InnerBackend, D>::from_data(data, (&value.device(), dtype));
            container.register::<B::InnerBackend, D>(param.id, tensor);
        }
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }
}
