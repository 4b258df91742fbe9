//! AdaptFormer (Chen et al., AdaptFormer: Adapting Vision Transformers for Scalable Visual Recognition, NeurIPS 2022): a scaled
//! bottleneck beside the MLP of every block.
//!
//! With `h` the output of the second norm, the MLP branch becomes `MLP(h) + s * up(f(down(h)))` (equations 2 and 3).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};
use vit_backbone::{Mlp, Seam, SeededInit, TokenEmbed, VitConfig, apply_linear};

use super::bottleneck::{Bottleneck, BottleneckInit, Nonlinearity, check_width, count};
use crate::config::invalid;
use crate::draw::vector;
use crate::error::PeftError;
use crate::peft_format::slot::Slot;

/// The numbers of an AdaptFormer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptFormerConfig {
    /// Width of a bottleneck, 1 to [`crate::MAX_RANK`]. Default: 64, as published.
    pub width: usize,
    /// The factor `s`, finite and not 0. Default: 0.1, as published.
    pub scale: f64,
    /// Train `s`, one per block, from that value. Default: false.
    pub learn_scale: bool,
    /// The non-linearity. Default: ReLU, as published.
    pub nonlinearity: Nonlinearity,
}

impl Default for AdaptFormerConfig {
    fn default() -> Self {
        Self {
            width: 64,
            scale: 0.1,
            learn_scale: false,
            nonlinearity: Nonlinearity::Relu,
        }
    }
}

impl AdaptFormerConfig {
    pub(crate) fn label(&self) -> String {
        format!("AdaptFormer m={}", self.width)
    }

    pub(crate) fn validate(&self) -> Result<(), PeftError> {
        if !self.scale.is_finite() || self.scale == 0.0 {
            return Err(invalid("scale", self.scale, "a finite number other than 0"));
        }
        check_width(self.width)
    }

    /// Scalars on top of the base's.
    pub(crate) fn count(&self, config: &VitConfig) -> usize {
        config.depth * (count(self.width, config.dim) + usize::from(self.learn_scale))
    }
}

/// Bottlenecks beside the MLP of every block.
#[derive(Module, Debug)]
pub struct AdaptFormer<B: Backend> {
    /// The bottleneck of each block.
    pub mlp: Vec<Bottleneck<B>>,
    /// The trained factors, `[1]` each; none where the factor is fixed.
    pub scales: Vec<Param<Tensor<B, 1>>>,
    /// The fixed factor.
    pub scale: f64,
}

impl<B: Backend> AdaptFormer<B> {
    /// Drawn from the seed and the places' names; the start is the pretrained model.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`].
    pub fn init(
        adaptformer: &AdaptFormerConfig,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        adaptformer.validate()?;
        let source = SeededInit::new(seed);
        let bottleneck = |block| {
            Bottleneck::init(
                &format!("blocks.{block}.mlp.adaptmlp"),
                [config.dim, adaptformer.width],
                adaptformer.nonlinearity,
                BottleneckInit::Zero,
                &source,
                device,
            )
        };
        let trained = if adaptformer.learn_scale {
            config.depth
        } else {
            0
        };
        let scale = |_| vector(vec![adaptformer.scale as f32], device);
        Ok(Self {
            mlp: (0..config.depth).map(bottleneck).collect(),
            scales: (0..trained).map(scale).collect(),
            scale: adaptformer.scale,
        })
    }

    pub(crate) fn slots(&mut self) -> Vec<Slot<'_, B>> {
        let mut slots = Vec::new();
        for (block, bottleneck) in self.mlp.iter_mut().enumerate() {
            slots.extend(bottleneck.slots(&format!("blocks.{block}.mlp.adaptmlp")));
        }
        for (block, scale) in self.scales.iter_mut().enumerate() {
            let name = format!("blocks.{block}.mlp.adaptmlp.scale");
            slots.push(Slot::vector(name, scale));
        }
        slots
    }
}

impl<B: Backend> Seam<B> for AdaptFormer<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }

    fn mlp(&self, block: usize, base: &Mlp<B>, x: Tensor<B, 3>, _state: &mut ()) -> Tensor<B, 3> {
        let h = base.forward_with(block, x.clone(), |_, linear, x| apply_linear(linear, x));
        let Some(bottleneck) = self.mlp.get(block) else {
            return h;
        };
        let beside = bottleneck.forward(x);
        h + match self.scales.get(block) {
            Some(scale) => beside * scale.val().unsqueeze(),
            None => beside * self.scale,
        }
    }
}
