//! The bottleneck that Houlsby's adapters and AdaptFormer have in common: `up(f(down(x)))`.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};
use vit_backbone::{InitRule, SeededInit, apply_linear};

use crate::config::invalid;
use crate::draw::{linear_of, torch_default};
use crate::error::PeftError;
use crate::lora_config::MAX_RANK;
use crate::peft_format::slot::Slot;

/// The non-linearity of a bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nonlinearity {
    /// The exact GELU.
    Gelu,
    /// The positive part.
    Relu,
}

/// How a bottleneck starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BottleneckInit {
    /// `down` as PyTorch draws linear maps, `up` and both biases zero: the start is the pretrained model exactly.
    #[default]
    Zero,
    /// Both weights normal with standard deviation 0.01, cut at two deviations, biases zero: the start is near the pretrained
    /// model (Houlsby et al. 2019, section 3.6).
    NearIdentity,
}

/// A linear map to few numbers, a non-linearity, and a linear map back.
#[derive(Module, Debug)]
pub struct Bottleneck<B: Backend> {
    /// `[dim, width]` with bias.
    pub down: Linear<B>,
    /// `[width, dim]` with bias.
    pub up: Linear<B>,
    /// The non-linearity.
    #[module(skip)]
    pub nonlinearity: Nonlinearity,
}

/// Scalars of a bottleneck.
pub(crate) fn count(width: usize, dim: usize) -> usize {
    2 * width * dim + width + dim
}

pub(crate) fn check_width(width: usize) -> Result<(), PeftError> {
    if (1..=MAX_RANK).contains(&width) {
        return Ok(());
    }
    Err(invalid("width", width, format!("1 to {MAX_RANK}")))
}

impl<B: Backend> Bottleneck<B> {
    /// Drawn from the seed and `name`.
    pub(crate) fn init(
        name: &str,
        [dim, width]: [usize; 2],
        nonlinearity: Nonlinearity,
        init: BottleneckInit,
        source: &SeededInit,
        device: &B::Device,
    ) -> Self {
        let near = InitRule::TruncatedNormal { std: 0.01 };
        let [down, up] = match init {
            BottleneckInit::Zero => [torch_default(dim), InitRule::Constant(0.0)],
            BottleneckInit::NearIdentity => [near, near],
        };
        let draw = |part: &str, rule| source.draw(&format!("{name}.{part}"), dim * width, rule);
        Self {
            down: linear_of(
                [dim, width],
                draw("down", down),
                Some(vec![0.0; width]),
                device,
            ),
            up: linear_of([width, dim], draw("up", up), Some(vec![0.0; dim]), device),
            nonlinearity,
        }
    }

    /// `[batch, tokens, dim]` to the same.
    pub fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let low = apply_linear(&self.down, x);
        let low = match self.nonlinearity {
            Nonlinearity::Gelu => fused_ops::gelu(low),
            Nonlinearity::Relu => relu(low),
        };
        apply_linear(&self.up, low)
    }

    pub(crate) fn slots(&mut self, name: &str) -> Vec<Slot<'_, B>> {
        let mut slots = Slot::linear(&format!("{name}.down"), &mut self.down);
        slots.extend(Slot::linear(&format!("{name}.up"), &mut self.up));
        slots
    }
}
