//! The state of an optimiser by parameter name, for checkpoints.

use std::collections::HashMap;

use burn::module::{AutodiffModule, ModuleVisitor, Param};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use super::{Optimizer, OptimizerConfig};
use crate::paths::PathStack;

impl Optimizer {
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
