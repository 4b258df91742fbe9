//! Building modules: one constructor serves random weights, loading, and listing what a model of given sizes consists of.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor, TensorData};
use vit_backbone::{BackboneError, Expected, InitRule, LayerNorm, ParameterSource};

use crate::DiffusionError;

/// Where values come from.
enum Values<'a> {
    /// From a file or a random generator.
    Source(&'a mut dyn ParameterSource),
    /// From nowhere: names and shapes are noted, and the module is filled with tensors of one number, never to be run.
    List(&'a mut Vec<Expected>),
}

/// A source, the device and number type of the tensors, and the name of the module being built.
pub(crate) struct Builder<'a, B: Backend> {
    values: Values<'a>,
    device: &'a B::Device,
    dtype: Option<FloatDType>,
    prefix: String,
}

impl<'a, B: Backend> Builder<'a, B> {
    pub(crate) fn new(source: &'a mut dyn ParameterSource, device: &'a B::Device) -> Self {
        Self {
            values: Values::Source(source),
            device,
            dtype: None,
            prefix: String::new(),
        }
    }

    /// A builder of tensors of this type; the backend's own where `None`.
    ///
    /// # Errors
    /// [`BackboneError::Type`] when the backend does not compute with it.
    pub(crate) fn with_dtype(self, dtype: Option<FloatDType>) -> Result<Self, DiffusionError> {
        match dtype {
            Some(asked) if !B::supports_dtype(self.device, asked.into()) => {
                Err(DiffusionError::Backbone(BackboneError::Type {
                    asked: format!("{asked:?}"),
                    backend: B::name(self.device),
                }))
            }
            _ => Ok(Self { dtype, ..self }),
        }
    }

    /// A builder for the submodule `name`.
    pub(crate) fn child(&mut self, name: impl std::fmt::Display) -> Builder<'_, B> {
        let prefix = format!("{}{name}.", self.prefix);
        let values = match &mut self.values {
            Values::Source(source) => Values::Source(&mut **source),
            Values::List(list) => Values::List(list),
        };
        Builder {
            values,
            device: self.device,
            dtype: self.dtype,
            prefix,
        }
    }

    /// A parameter in PyTorch's layout.
    pub(crate) fn param<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        rule: InitRule,
    ) -> Result<Param<Tensor<B, D>>, DiffusionError> {
        let name = format!("{}{name}", self.prefix);
        let tensor = match &mut self.values {
            Values::Source(source) => {
                let values = source.values(&name, &shape, rule)?;
                check(self.dtype, &name, &values)?;
                floats(values, shape, self.dtype, self.device)
            }
            Values::List(list) => {
                list.push(Expected {
                    name,
                    shape: shape.to_vec(),
                });
                Tensor::zeros([1; D], self.device)
            }
        };
        Ok(Param::from_tensor(tensor))
    }

    /// A linear map whose weight has the given shape in the file, outputs first.
    pub(crate) fn linear_shaped(
        &mut self,
        shape: &[usize],
        bias: bool,
    ) -> Result<Linear<B>, DiffusionError> {
        let (outputs, inputs) = (shape[0], shape[1..].iter().product());
        let rule = torch_default(inputs);
        let name = format!("{}weight", self.prefix);
        let weight = match &mut self.values {
            Values::Source(source) => {
                let values = source.values(&name, shape, rule)?;
                check(self.dtype, &name, &values)?;
                let transposed = transpose(&values, outputs, inputs);
                drop(values);
                floats(transposed, [inputs, outputs], self.dtype, self.device)
            }
            Values::List(list) => {
                list.push(Expected {
                    name,
                    shape: shape.to_vec(),
                });
                Tensor::zeros([1, 1], self.device)
            }
        };
        let bias = bias
            .then(|| self.param("bias", [outputs], rule))
            .transpose()?;
        Ok(Linear {
            weight: Param::from_tensor(weight),
            bias,
        })
    }

    /// A linear map.
    pub(crate) fn linear(
        &mut self,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Linear<B>, DiffusionError> {
        self.linear_shaped(&[outputs, inputs], bias)
    }

    /// A LayerNorm.
    pub(crate) fn layer_norm(
        &mut self,
        dim: usize,
        epsilon: f64,
    ) -> Result<LayerNorm<B>, DiffusionError> {
        Ok(LayerNorm {
            gamma: self.param("weight", [dim], InitRule::Constant(1.0))?,
            beta: Some(self.param("bias", [dim], InitRule::Constant(0.0))?),
            epsilon,
        })
    }
}

/// A tensor of these numbers in the type asked for.
fn floats<B: Backend, const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    dtype: Option<FloatDType>,
    device: &B::Device,
) -> Tensor<B, D> {
    let data = TensorData::new(values, shape);
    match dtype {
        Some(dtype) => Tensor::from_data(data, (device, DType::from(dtype))),
        None => Tensor::from_data(data, device),
    }
}

/// Half precision ends at 65,504; what lies beyond would become infinite.
fn check(dtype: Option<FloatDType>, name: &str, values: &[f32]) -> Result<(), DiffusionError> {
    const LARGEST: f32 = 65_504.0;
    let lost = |value: &&f32| value.is_finite() && value.abs() > LARGEST;
    match values.iter().find(lost) {
        Some(value) if dtype == Some(FloatDType::F16) => {
            Err(DiffusionError::Backbone(BackboneError::Precision {
                name: name.to_owned(),
                value: *value,
            }))
        }
        _ => Ok(()),
    }
}

/// Names and shapes of what `build` builds, without allocating any of it.
pub(crate) fn listed<T>(
    build: impl FnOnce(Builder<'_, Listing>) -> Result<T, DiffusionError>,
) -> Result<Vec<Expected>, DiffusionError> {
    let mut list = Vec::new();
    let device = Default::default();
    build(Builder {
        values: Values::List(&mut list),
        device: &device,
        dtype: None,
        prefix: String::new(),
    })?;
    Ok(list)
}

/// The backend on which listed modules are built, each tensor of one number.
pub(crate) type Listing = burn_flex::Flex;

/// Number of parameters of a list.
pub(crate) fn total(list: &[Expected]) -> usize {
    list.iter()
        .map(|expected| expected.shape.iter().product::<usize>())
        .sum()
}

/// PyTorch's default for weights and biases: uniform in `±1/sqrt(inputs)`.
pub(crate) fn torch_default(inputs: usize) -> InitRule {
    InitRule::Uniform {
        bound: (inputs.max(1) as f64).powf(-0.5) as f32,
    }
}

/// Transposes a row-major matrix of `rows` by `columns`.
pub(crate) fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for r in 0..rows {
        for c in 0..columns {
            out[c * rows + r] = values[r * columns + c];
        }
    }
    out
}
