//! Adapters (Houlsby et al., Parameter-Efficient Transfer Learning for NLP, ICML 2019): two bottlenecks per block, one behind the
//! attention's output map and one behind the MLP, each before the residual sum.
//!
//! A branch `h` of a block becomes `h + up(f(down(h)))`. The LayerNorms are trained as well (section 2.1).

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};
use vit_backbone::{
    Attention, LayerNorm, Mlp, NormSite, Seam, SeededInit, TokenEmbed, Vit, VitConfig, apply_linear,
};

use super::NormTuning;
use super::bottleneck::{Bottleneck, BottleneckInit, Nonlinearity, check_width, count};
use crate::error::PeftError;
use crate::peft_format::slot::Slot;
use crate::place::norm_count;

/// The numbers of Houlsby's adapters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoulsbyConfig {
    /// Width of a bottleneck, 1 to [`crate::MAX_RANK`]. Default: 64, the paper's usual size.
    pub width: usize,
    /// The non-linearity. Default: GELU, as in the published code (there in its tanh approximation).
    pub nonlinearity: Nonlinearity,
    /// How bottlenecks start. Default: exactly as the pretrained model.
    pub init: BottleneckInit,
    /// Also train gain and bias of every LayerNorm. Default: true, as published.
    pub norms: bool,
}

impl Default for HoulsbyConfig {
    fn default() -> Self {
        Self {
            width: 64,
            nonlinearity: Nonlinearity::Gelu,
            init: BottleneckInit::default(),
            norms: true,
        }
    }
}

impl HoulsbyConfig {
    pub(crate) fn label(&self) -> String {
        let norms = if self.norms { " + norms" } else { "" };
        format!("Houlsby m={}{norms}", self.width)
    }

    pub(crate) fn validate(&self) -> Result<(), PeftError> {
        check_width(self.width)
    }

    /// Scalars on top of the base's, and trained copies of the base's.
    pub(crate) fn count(&self, config: &VitConfig) -> (usize, usize) {
        let norms = norm_count(config);
        let copies = if self.norms {
            norms * 2 * config.dim
        } else {
            0
        };
        (2 * config.depth * count(self.width, config.dim), copies)
    }
}

/// Bottlenecks behind the attention and the MLP of every block.
#[derive(Module, Debug)]
pub struct Houlsby<B: Backend> {
    /// Behind the attention of each block.
    pub attn: Vec<Bottleneck<B>>,
    /// Behind the MLP of each block.
    pub mlp: Vec<Bottleneck<B>>,
    /// Trained copies of the norms.
    pub norms: Option<NormTuning<B>>,
}

impl<B: Backend> Houlsby<B> {
    /// Drawn from the seed and the places' names.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`].
    pub fn init(
        houlsby: &HoulsbyConfig,
        base: &Vit<B>,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        houlsby.validate()?;
        let source = SeededInit::new(seed);
        let build = |branch: &str| {
            let at = |block| {
                Bottleneck::init(
                    &format!("blocks.{block}.{branch}.adapter"),
                    [config.dim, houlsby.width],
                    houlsby.nonlinearity,
                    houlsby.init,
                    &source,
                    device,
                )
            };
            (0..config.depth).map(at).collect()
        };
        Ok(Self {
            attn: build("attn"),
            mlp: build("mlp"),
            norms: houlsby.norms.then(|| NormTuning::copy_of(base)),
        })
    }

    pub(crate) fn slots(&mut self) -> Vec<Slot<'_, B>> {
        let mut slots = Vec::new();
        for (branch, bottlenecks) in [("attn", &mut self.attn), ("mlp", &mut self.mlp)] {
            for (block, bottleneck) in bottlenecks.iter_mut().enumerate() {
                slots.extend(bottleneck.slots(&format!("blocks.{block}.{branch}.adapter")));
            }
        }
        slots.extend(self.norms.iter_mut().flat_map(NormTuning::slots));
        slots
    }
}

/// `h + bottleneck(h)`, or `h` in a block without one.
fn behind<B: Backend>(bottleneck: Option<&Bottleneck<B>>, h: Tensor<B, 3>) -> Tensor<B, 3> {
    match bottleneck {
        Some(bottleneck) => h.clone() + bottleneck.forward(h),
        None => h,
    }
}

impl<B: Backend> Seam<B> for Houlsby<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        match &self.norms {
            Some(norms) => norms.norm(site, base, x),
            None => base.forward(x),
        }
    }

    fn attention(
        &self,
        block: usize,
        base: &Attention<B>,
        x: Tensor<B, 3>,
        _state: &mut (),
    ) -> Tensor<B, 3> {
        let h = base.forward_with(block, x, |_, linear, x| apply_linear(linear, x));
        behind(self.attn.get(block), h)
    }

    fn mlp(&self, block: usize, base: &Mlp<B>, x: Tensor<B, 3>, _state: &mut ()) -> Tensor<B, 3> {
        let h = base.forward_with(block, x, |_, linear, x| apply_linear(linear, x));
        behind(self.mlp.get(block), h)
    }
}
