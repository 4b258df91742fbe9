//! Random initial values that several methods share: functions of seed, name, length and rule only.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::{InitRule, SeededInit};

use crate::params::trainable;

/// Standard normal values (Box and Muller 1958 on two uniform draws).
pub(crate) fn normal(source: &SeededInit, name: &str, count: usize) -> Vec<f64> {
    let uniform = |suffix: &str| {
        source.draw(
            &format!("{name}.{suffix}"),
            count,
            InitRule::Uniform { bound: 0.5 },
        )
    };
    let pairs = uniform("radius").into_iter().zip(uniform("angle"));
    pairs
        .map(|(r, a)| {
            let radius = (-2.0 * (f64::from(r) + 0.5).max(1e-12).ln()).sqrt();
            radius * (std::f64::consts::TAU * f64::from(a)).cos()
        })
        .collect()
}

/// `kaiming_uniform` with a = sqrt(5), that is uniform in `±1/sqrt(inputs)`: what PyTorch draws weights and biases of linear
/// maps and convolutions with.
pub(crate) fn torch_default(inputs: usize) -> InitRule {
    InitRule::Uniform {
        bound: (inputs as f64).powf(-0.5) as f32,
    }
}

/// A trainable linear map of given values: `weight` in the order `[inputs, outputs]`.
pub(crate) fn linear_of<B: Backend>(
    [inputs, outputs]: [usize; 2],
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    device: &B::Device,
) -> Linear<B> {
    let weight = Tensor::from_data(TensorData::new(weight, [inputs, outputs]), device);
    Linear {
        weight: trainable(weight),
        bias: bias.map(|bias| vector(bias, device)),
    }
}

/// A trainable vector.
pub(crate) fn vector<B: Backend>(values: Vec<f32>, device: &B::Device) -> Param<Tensor<B, 1>> {
    let length = values.len();
    trainable(Tensor::from_data(TensorData::new(values, [length]), device))
}

/// A trainable vector of ones: a scale at its start.
pub(crate) fn ones<B: Backend>(length: usize, device: &B::Device) -> Param<Tensor<B, 1>> {
    trainable(Tensor::ones([length], device))
}
