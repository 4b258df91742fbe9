//! Parameters in memory beside the names and shapes under which files hold them: what a method lists once, to be both read
//! and written.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::LayerNorm;

use super::array::HostArray;
use super::vit_names::{host, host_transposed};
use crate::params::trainable;

/// One trained parameter with its name in a file.
pub(crate) struct Slot<'a, B: Backend> {
    /// The name, without PEFT's prefix.
    pub(crate) name: String,
    /// The shape in a file, PyTorch's.
    shape: Vec<usize>,
    param: Held<'a, B>,
}

enum Held<'a, B: Backend> {
    Vector(&'a mut Param<Tensor<B, 1>>),
    /// `[inputs, outputs]` here, outputs first in files.
    Matrix(&'a mut Param<Tensor<B, 2>>),
    Tokens(&'a mut Param<Tensor<B, 3>>),
}

impl<'a, B: Backend> Slot<'a, B> {
    /// A vector.
    pub(crate) fn vector(name: impl Into<String>, param: &'a mut Param<Tensor<B, 1>>) -> Self {
        Self {
            name: name.into(),
            shape: param.dims().to_vec(),
            param: Held::Vector(param),
        }
    }

    /// The weight of a linear map.
    pub(crate) fn matrix(name: impl Into<String>, param: &'a mut Param<Tensor<B, 2>>) -> Self {
        let [inputs, outputs] = param.dims();
        Self {
            name: name.into(),
            shape: vec![outputs, inputs],
            param: Held::Matrix(param),
        }
    }

    /// A sequence of tokens.
    pub(crate) fn tokens(name: impl Into<String>, param: &'a mut Param<Tensor<B, 3>>) -> Self {
        Self {
            name: name.into(),
            shape: param.dims().to_vec(),
            param: Held::Tokens(param),
        }
    }

    /// The same values under another shape in the file, such as that of a convolution.
    pub(crate) fn shaped(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.shape = shape.into();
        self
    }

    /// `{name}.weight` and, where there is one, `{name}.bias` of a linear map.
    pub(crate) fn linear(name: &str, linear: &'a mut Linear<B>) -> Vec<Self> {
        let weight = Self::matrix(format!("{name}.weight"), &mut linear.weight);
        let bias = linear.bias.as_mut();
        std::iter::once(weight)
            .chain(bias.map(|bias| Self::vector(format!("{name}.bias"), bias)))
            .collect()
    }

    /// `{name}.weight` and, where there is one, `{name}.bias` of a norm.
    pub(crate) fn norm(name: &str, norm: &'a mut LayerNorm<B>) -> Vec<Self> {
        let gain = Self::vector(format!("{name}.weight"), &mut norm.gamma);
        let bias = norm.beta.as_mut();
        std::iter::once(gain)
            .chain(bias.map(|bias| Self::vector(format!("{name}.bias"), bias)))
            .collect()
    }

    /// Its values as a file holds them.
    pub(crate) fn read(&self) -> HostArray {
        let mut array = match &self.param {
            Held::Vector(param) => host(param.val()),
            Held::Matrix(param) => host_transposed(param.val()),
            Held::Tokens(param) => host(param.val()),
        };
        array.shape.clone_from(&self.shape);
        array
    }

    /// Replaces the parameter by a trainable one with these values, whose shape was checked against [`Slot::read`]'s.
    pub(crate) fn write(self, mut array: HostArray, device: &B::Device) {
        match self.param {
            Held::Vector(param) => {
                let data = TensorData::new(array.data, param.dims());
                *param = trainable(Tensor::from_data(data, device));
            }
            Held::Matrix(param) => {
                let [inputs, outputs] = param.dims();
                array.shape = vec![outputs, inputs];
                let data = TensorData::new(array.transposed().data, [inputs, outputs]);
                *param = trainable(Tensor::from_data(data, device));
            }
            Held::Tokens(param) => {
                let data = TensorData::new(array.data, param.dims());
                *param = trainable(Tensor::from_data(data, device));
            }
        }
    }
}
