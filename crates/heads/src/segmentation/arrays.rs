//! A segmentation head as named arrays of numbers: what files hold.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::SegmentationHead;
use crate::HeadError;

/// One array of a head.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedArray {
    /// Path through the head, such as `laterals.0.conv.weight`; running statistics of the norms are among the arrays.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

/// All numbers of a module, constants included, in a fixed order.
pub(crate) fn arrays_of<B: Backend, M: Module<B>>(module: &M) -> Vec<NamedArray> {
    let mut reader = Reader::default();
    module.visit(&mut reader);
    reader.arrays
}

/// A module with these numbers.
///
/// # Errors
/// [`HeadError::Array`] for a name that is missing or unknown, or another shape; nothing is changed then.
pub(crate) fn with_arrays<B: Backend, M: Module<B>>(
    module: M,
    arrays: Vec<NamedArray>,
) -> Result<M, HeadError> {
    let mut given: BTreeMap<String, NamedArray> =
        arrays.into_iter().map(|a| (a.name.clone(), a)).collect();
    let all = arrays_of(&module);
    for own in &all {
        let bad = |problem: String| HeadError::Array {
            name: own.name.clone(),
            problem,
        };
        let Some(array) = given.get(&own.name) else {
            return Err(bad("missing".into()));
        };
        if array.shape != own.shape || array.values.len() != own.values.len() {
            return Err(bad(format!(
                "of shape {:?} with {} values, expected {:?}",
                array.shape,
                array.values.len(),
                own.shape
            )));
        }
    }
    if let Some(name) = given
        .keys()
        .find(|name| !all.iter().any(|own| own.name == **name))
    {
        return Err(HeadError::Array {
            name: name.clone(),
            problem: "unknown to this head".into(),
        });
    }
    let mut writer = Writer {
        path: Vec::new(),
        given: std::mem::take(&mut given),
    };
    Ok(module.map(&mut writer))
}

impl<B: Backend> SegmentationHead<B> {
    /// All numbers of the head, constants included, in a fixed order.
    pub fn to_arrays(&self) -> Vec<NamedArray> {
        arrays_of(self)
    }

    /// The head with these numbers.
    ///
    /// # Errors
    /// [`HeadError::Array`] for a name that is missing or unknown, or another shape; nothing is changed then.
    pub fn with_arrays(self, arrays: Vec<NamedArray>) -> Result<Self, HeadError> {
        with_arrays(self, arrays)
    }

    /// How many numbers are trained: without running statistics and statistics of features.
    pub fn trainable_parameters(&self) -> usize {
        let constant = |name: &str| {
            [".running_mean", ".running_var", ".mean", ".inverse_std"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        self.to_arrays()
            .iter()
            .filter(|array| !constant(&array.name))
            .map(|array| array.values.len())
            .sum()
    }
}

/// The path without the name of the variant, which says nothing that the names below do not.
fn name(path: &[String]) -> String {
    path.iter()
        .skip_while(|part| *part == "Upernet" || *part == "Linear")
        .cloned()
        .collect::<Vec<_>>()
        .join(".")
}

#[derive(Default)]
struct Reader {
    path: Vec<String>,
    arrays: Vec<NamedArray>,
}

impl<B: Backend> ModuleVisitor<B> for Reader {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let value = param.val();
        self.arrays.push(NamedArray {
            name: name(&self.path),
            shape: value.dims().to_vec(),
            values: value.into_data().iter::<f32>().collect(),
        });
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }
}

struct Writer {
    path: Vec<String>,
    given: BTreeMap<String, NamedArray>,
}

impl<B: Backend> ModuleMapper<B> for Writer {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        match self.given.remove(&name(&self.path)) {
            Some(array) => param.map(|old| {
                let data = TensorData::new(array.values, array.shape);
                let new = Tensor::from_data(data, &old.device());
                new.set_require_grad(old.is_require_grad())
            }),
            None => param,
        }
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }
}
