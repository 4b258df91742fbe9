//! Building modules from a [`ParameterSource`]: one constructor serves random initialisation and loading alike.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor, TensorData};
use rayon::prelude::*;

use crate::{BackboneError, InitRule, LayerNorm, ParameterSource};

/// A source, the device and number type of the tensors, and the name of the module being built.
pub(crate) struct Builder<'a, B: Backend> {
    source: &'a mut dyn ParameterSource,
    device: &'a B::Device,
    dtype: Option<FloatDType>,
    prefix: String,
}

impl<'a, B: Backend> Builder<'a, B> {
    pub(crate) fn new(source: &'a mut dyn ParameterSource, device: &'a B::Device) -> Self {
        Self {
            source,
            device,
            dtype: None,
            prefix: String::new(),
        }
    }

    /// A builder of tensors of this type, which the backend must know; the backend's own where `None`.
    pub(crate) fn with_dtype(self, dtype: Option<FloatDType>) -> Self {
        Self { dtype, ..self }
    }

    /// A builder for the submodule `name`.
    pub(crate) fn child(&mut self, name: &str) -> Builder<'_, B> {
        let prefix = format!("{}{name}.", self.prefix);
        Builder {
            source: self.source,
            device: self.device,
            dtype: self.dtype,
            prefix,
        }
    }

    /// The values of the parameter `name` of this module, in PyTorch's layout.
    pub(crate) fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        rule: InitRule,
    ) -> Result<Vec<f32>, BackboneError> {
        self.source
            .values(&format!("{}{name}", self.prefix), shape, rule)
    }

    /// A tensor of the given shape.
    pub(crate) fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        rule: InitRule,
    ) -> Result<Tensor<B, D>, BackboneError> {
        let values = self.values(name, &shape, rule)?;
        self.check(name, &values)?;
        Ok(self.floats(values, shape))
    }

    /// A tensor of these numbers, which its type can hold.
    pub(crate) fn floats<const D: usize>(
        &self,
        values: Vec<f32>,
        shape: [usize; D],
    ) -> Tensor<B, D> {
        let data = TensorData::new(values, shape);
        match self.dtype {
            Some(dtype) => Tensor::from_data(data, (self.device, DType::from(dtype))),
            None => Tensor::from_data(data, self.device),
        }
    }

    /// Half precision ends at 65,504; what lies beyond would become infinite.
    fn check(&self, name: &str, values: &[f32]) -> Result<(), BackboneError> {
        if self.dtype != Some(FloatDType::F16) {
            return Ok(());
        }
        let lost = |value: &&f32| value.is_finite() && !half::f16::from_f32(**value).is_finite();
        match values.iter().find(lost) {
            Some(value) => Err(BackboneError::Precision {
                name: format!("{}{name}", self.prefix),
                value: *value,
            }),
            None => Ok(()),
        }
    }

    /// A trainable tensor of the given shape.
    pub(crate) fn param<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        rule: InitRule,
    ) -> Result<Param<Tensor<B, D>>, BackboneError> {
        Ok(Param::from_tensor(self.tensor(name, shape, rule)?))
    }

    /// A linear map; `shape` is that of the weight in the checkpoint (a convolution's four axes, for example), whose
    /// first axis is the output.
    pub(crate) fn linear_shaped(
        &mut self,
        shape: &[usize],
        bias: bool,
    ) -> Result<Linear<B>, BackboneError> {
        self.linear_named(shape, "weight", bias.then_some("bias"))
    }

    /// The same with names of its own for weight and bias.
    pub(crate) fn linear_named(
        &mut self,
        shape: &[usize],
        weight: &str,
        bias: Option<&str>,
    ) -> Result<Linear<B>, BackboneError> {
        let outputs = shape[0];
        let inputs = shape[1..].iter().product();
        let rule = InitRule::XavierUniform {
            fan_in: inputs,
            fan_out: outputs,
        };
        let values = self.values(weight, shape, rule)?;
        self.check(weight, &values)?;
        let weight = transpose(&values, outputs, inputs);
        drop(values);
        let weight = self.floats(weight, [inputs, outputs]);
        let bias = bias
            .map(|name| self.param(name, [outputs], InitRule::Constant(0.0)))
            .transpose()?;
        Ok(Linear {
            weight: Param::from_tensor(weight),
            bias,
        })
    }

    /// A linear map from `inputs` to `outputs` numbers.
    pub(crate) fn linear(
        &mut self,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Linear<B>, BackboneError> {
        self.linear_shaped(&[outputs, inputs], bias)
    }

    /// A LayerNorm over `dim` numbers.
    pub(crate) fn norm(&mut self, dim: usize, eps: f64) -> Result<LayerNorm<B>, BackboneError> {
        Ok(LayerNorm {
            gamma: self.param("weight", [dim], InitRule::Constant(1.0))?,
            beta: Some(self.param("bias", [dim], InitRule::Constant(0.0))?),
            epsilon: eps,
        })
    }
}

/// Transposes a row-major matrix of `rows` by `columns`; PyTorch stores a linear weight `[out, in]`, burn `[in, out]`.
pub(crate) fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    // Tile by tile, by way of a small buffer: where a row is a power of two long, the lines of a column all compete for one place of the
    // cache, so every line of either matrix is touched in one go.
    const TILE: usize = 32;
    let mut out = vec![0.0; values.len()];
    if values.is_empty() {
        return out;
    }
    let strips = out.par_chunks_mut(TILE * rows).enumerate();
    strips.for_each(|(strip, out)| {
        let first_column = strip * TILE;
        let width = out.len() / rows;
        let mut tile = [[0.0; TILE]; TILE];
        for first_row in (0..rows).step_by(TILE) {
            let height = TILE.min(rows - first_row);
            for r in 0..height {
                let at = (first_row + r) * columns + first_column;
                for (column, &value) in tile.iter_mut().zip(&values[at..at + width]) {
                    column[r] = value;
                }
            }
            for (out, column) in out.chunks_exact_mut(rows).zip(&tile) {
                out[first_row..first_row + height].copy_from_slice(&column[..height]);
            }
        }
    });
    out
}
