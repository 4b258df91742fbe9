//! `T`: the map from the standardised numbers of a patch to the width of a token.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use peft_lora::trainable;
use vit_backbone::{InitRule, SeededInit};

use crate::config::MapConfig;

/// One affine map, `x W + b`.
#[derive(Module, Debug)]
pub struct Affine<B: Backend> {
    /// `[inputs, outputs]`.
    pub weight: Param<Tensor<B, 2>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<B, 1>>,
}

/// Two affine maps with the exact GELU between them.
#[derive(Module, Debug)]
pub struct TwoLayers<B: Backend> {
    /// `[numbers, hidden]`.
    pub hidden: Affine<B>,
    /// `[hidden, dim]`.
    pub output: Affine<B>,
}

/// An affine map that is never trained: no optimiser sees it.
#[derive(Module, Debug)]
pub struct FixedAffine<B: Backend> {
    /// `[inputs, outputs]`.
    pub weight: Tensor<B, 2>,
    /// `[outputs]`.
    pub bias: Tensor<B, 1>,
}

/// The map `T` of one of three kinds.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One map per adapter: the unused bytes do not matter, a box would be no module.
pub enum SpectralMap<B: Backend> {
    /// One trained affine map.
    Linear(Affine<B>),
    /// A small trained network.
    Mlp(TwoLayers<B>),
    /// One affine map as it was drawn.
    Fixed(FixedAffine<B>),
}

/// Uniform in plus and minus one over the square root of the inputs: what PyTorch's linear layers start with.
fn draw(source: &SeededInit, name: &str, inputs: usize, count: usize) -> Vec<f32> {
    let bound = (inputs.max(1) as f64).powf(-0.5) as f32;
    source.draw(name, count, InitRule::Uniform { bound })
}

fn fixed<B: Backend>(
    source: &SeededInit,
    name: &str,
    [inputs, outputs]: [usize; 2],
    device: &B::Device,
) -> FixedAffine<B> {
    let weight = draw(source, &format!("{name}.weight"), inputs, inputs * outputs);
    let bias = draw(source, &format!("{name}.bias"), inputs, outputs);
    FixedAffine {
        weight: Tensor::from_data(TensorData::new(weight, [inputs, outputs]), device),
        bias: Tensor::from_data(TensorData::new(bias, [outputs]), device),
    }
}

fn affine<B: Backend>(
    source: &SeededInit,
    name: &str,
    shape: [usize; 2],
    device: &B::Device,
) -> Affine<B> {
    let values = fixed::<B>(source, name, shape, device);
    Affine {
        weight: trainable(values.weight),
        bias: trainable(values.bias),
    }
}

impl<B: Backend> Affine<B> {
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        fused_ops::linear(x, self.weight.val(), Some(self.bias.val()))
    }
}

impl<B: Backend> SpectralMap<B> {
    pub(crate) fn init(
        config: &MapConfig,
        numbers: usize,
        dim: usize,
        source: &SeededInit,
        device: &B::Device,
    ) -> Self {
        match config {
            MapConfig::Linear {} => Self::Linear(affine(source, "map", [numbers, dim], device)),
            MapConfig::Mlp { hidden } => Self::Mlp(TwoLayers {
                hidden: affine(source, "map.hidden", [numbers, *hidden], device),
                output: affine(source, "map.output", [*hidden, dim], device),
            }),
            MapConfig::FrozenRandom {} => Self::Fixed(fixed(source, "map", [numbers, dim], device)),
        }
    }

    /// `[batch, patches, numbers]` to `[batch, patches, dim]`.
    pub fn forward(&self, numbers: Tensor<B, 3>) -> Tensor<B, 3> {
        match self {
            Self::Linear(map) => map.forward(numbers),
            Self::Mlp(map) => map
                .output
                .forward(fused_ops::gelu(map.hidden.forward(numbers))),
            Self::Fixed(map) => {
                fused_ops::linear(numbers, map.weight.clone(), Some(map.bias.clone()))
            }
        }
    }
}
