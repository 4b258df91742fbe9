//! All values of a module on the host, by name.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Int, Tensor, TensorData};

use crate::paths::PathStack;

/// The values of every parameter and buffer of a module, frozen ones included, copied to the host.
///
/// Names are paths through the module, not burn's identifiers, which differ from process to process. Values come back
/// bit for bit.
#[derive(Debug, Clone)]
pub struct ModuleState {
    entries: Vec<(String, TensorData)>,
}

impl ModuleState {
    /// Copies the values of `module`.
    pub fn of<B: Backend, M: Module<B>>(module: &M) -> Self {
        let mut reader = Reader::default();
        module.visit(&mut reader);
        Self {
            entries: reader.entries,
        }
    }

    /// Names and values, in visiting order. Truth values are held as bytes.
    pub fn entries(&self) -> &[(String, TensorData)] {
        &self.entries
    }

    /// A state read from a file, in any order.
    pub(crate) fn from_map(map: HashMap<String, TensorData>) -> Self {
        Self {
            entries: map.into_iter().collect(),
        }
    }

    /// `module` with these values. Nothing is changed unless every name, shape and element type fits.
    ///
    /// # Errors
    /// Says what does not fit: names missing here, names unknown to the module, differing shapes or types.
    pub fn apply<B: Backend, M: Module<B>>(&self, module: M) -> Result<M, String> {
        let mut wanted: HashMap<&str, &TensorData> =
            self.entries.iter().map(|(n, d)| (n.as_str(), d)).collect();
        let present = Self::of(&module);
        for (name, value) in &present.entries {
            let Some(data) = wanted.remove(name.as_str()) else {
                return Err(format!("{name} is missing"));
            };
            if data.shape != value.shape || data.dtype != value.dtype {
                return Err(format!(
                    "{name} has shape {:?} and type {:?}, the module {:?} and {:?}",
                    data.shape.to_vec(),
                    data.dtype,
                    value.shape.to_vec(),
                    value.dtype
                ));
            }
        }
        if let Some(name) = wanted.into_keys().min() {
            return Err(format!("{name} is unknown to the module"));
        }
        let values = self.entries.iter().cloned().collect();
        Ok(module.map(&mut Writer {
            path: PathStack::default(),
            values,
        }))
    }
}

#[derive(Default)]
struct Reader {
    path: PathStack,
    entries: Vec<(String, TensorData)>,
}

impl<B: Backend> ModuleVisitor<B> for Reader {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.entries
            .push((self.path.name(), param.val().into_data()));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<B, D, Int>>) {
        self.entries
            .push((self.path.name(), param.val().into_data()));
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<B, D, Bool>>) {
        // Files have no common representation of truth values; every backend converts to bytes.
        let data = param.val().into_data().convert::<u8>();
        self.entries.push((self.path.name(), data));
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }
}

/// Replaces values; names, shapes and types were checked before.
struct Writer {
    path: PathStack,
    values: HashMap<String, TensorData>,
}

impl<B: Backend> ModuleMapper<B> for Writer {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, old, mapper) = param.consume();
        let Some(data) = self.values.remove(&self.path.name()) else {
            return Param::from_mapped_value(id, old, mapper);
        };
        let dtype = data.dtype;
        let new = Tensor::<B, D>::from_data(data, (&old.device(), dtype));
        let new = new.set_require_grad(old.is_require_grad());
        Param::from_mapped_value(id, new, mapper)
    }

    fn map_int<const D: usize>(
        &mut self,
        param: Param<Tensor<B, D, Int>>,
    ) -> Param<Tensor<B, D, Int>> {
        let (id, old, mapper) = param.consume();
        let Some(data) = self.values.remove(&self.path.name()) else {
            return Param::from_mapped_value(id, old, mapper);
        };
        let dtype = data.dtype;
        let new = Tensor::<B, D, Int>::from_data(data, (&old.device(), dtype));
        Param::from_mapped_value(id, new, mapper)
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<B, D, Bool>>,
    ) -> Param<Tensor<B, D, Bool>> {
        let (id, old, mapper) = param.consume();
        let Some(data) = self.values.remove(&self.path.name()) else {
            return Param::from_mapped_value(id, old, mapper);
        };
        let values: Vec<bool> = data.iter::<u8>().map(|v| v != 0).collect();
        let data = TensorData::new(values, data.shape);
        let new = Tensor::<B, D, Bool>::from_data(data, &old.device());
        Param::from_mapped_value(id, new, mapper)
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }
}
