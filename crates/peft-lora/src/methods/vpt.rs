//! Visual prompt tuning (Jia et al., Visual Prompt Tuning, ECCV 2022): trained tokens between the prefix tokens and the patches.
//!
//! Shallow (equation 4): the prompts enter the first block and are carried on. Deep (equation 6): what a block makes of its
//! prompts is dropped, and the next block gets prompts of its own. Prompts have no positions.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use vit_backbone::{InitRule, Seam, SeededInit, TokenEmbed, VitConfig};

use crate::config::invalid;
use crate::error::PeftError;
use crate::params::trainable;
use crate::peft_format::slot::Slot;

/// Most prompts per block: the published search goes to 200; more than this is a typing error.
pub const MAX_PROMPTS: usize = 4096;

/// The numbers of a prompt tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VptConfig {
    /// Number of prompts per block, 1 to [`MAX_PROMPTS`]. Default: 10.
    pub prompts: usize,
    /// Prompts for every block, not only the first. Default: false.
    pub deep: bool,
    /// Chance that a value of a prompt is zeroed while training, 0 up to but not including 1. Default: 0.
    pub dropout: f64,
}

impl Default for VptConfig {
    fn default() -> Self {
        Self {
            prompts: 10,
            deep: false,
            dropout: 0.0,
        }
    }
}

impl VptConfig {
    pub(crate) fn label(&self) -> String {
        let depth = if self.deep { "deep" } else { "shallow" };
        format!("VPT-{depth} n={}", self.prompts)
    }

    pub(crate) fn validate(&self) -> Result<(), PeftError> {
        if !(1..=MAX_PROMPTS).contains(&self.prompts) {
            let range = format!("1 to {MAX_PROMPTS}");
            return Err(invalid("prompts", self.prompts, range));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(invalid("dropout", self.dropout, "at least 0 and below 1"));
        }
        Ok(())
    }

    /// Number of blocks that get prompts.
    fn blocks(&self, config: &VitConfig) -> usize {
        if self.deep { config.depth } else { 1 }
    }

    /// Scalars on top of the base's.
    pub(crate) fn count(&self, config: &VitConfig) -> usize {
        self.blocks(config) * self.prompts * config.dim
    }
}

/// Trained prompts.
#[derive(Module, Debug)]
pub struct Vpt<B: Backend> {
    /// The prompts, `[1, prompts, dim]`, of the first block or of every block.
    pub prompts: Vec<Param<Tensor<B, 3>>>,
    /// Acts on the prompts, and only on backends that differentiate.
    pub dropout: Dropout,
    /// Number of tokens in front of the prompts.
    pub(crate) prefix: usize,
}

impl<B: Backend> Vpt<B> {
    /// Uniform in `±sqrt(6 / (values of a patch + dim))`, as published; the start is not the pretrained model.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`].
    pub fn init(
        vpt: &VptConfig,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        vpt.validate()?;
        let source = SeededInit::new(seed);
        let rule = InitRule::XavierUniform {
            fan_in: config.patch_channels() * config.patch_size * config.patch_size,
            fan_out: config.dim,
        };
        let prompts = (0..vpt.blocks(config)).map(|block| {
            let values = source.draw(&name(block), vpt.prompts * config.dim, rule);
            let data = TensorData::new(values, [1, vpt.prompts, config.dim]);
            trainable(Tensor::from_data(data, device))
        });
        Ok(Self {
            prompts: prompts.collect(),
            dropout: DropoutConfig::new(vpt.dropout).init(),
            prefix: config.prefix_tokens(),
        })
    }

    pub(crate) fn slots(&mut self) -> Vec<Slot<'_, B>> {
        let prompts = self.prompts.iter_mut().enumerate();
        prompts
            .map(|(block, prompts)| Slot::tokens(name(block), prompts))
            .collect()
    }

    /// The tokens with the prompts of a block behind the prefix, in place of the first `dropped` tokens there.
    fn with_prompts(
        &self,
        prompts: &Param<Tensor<B, 3>>,
        tokens: Tensor<B, 3>,
        dropped: usize,
    ) -> Tensor<B, 3> {
        let [batch, count, dim] = tokens.dims();
        let [_, length, _] = prompts.dims();
        let own = prompts.val().expand([batch, length, dim]);
        let rest = tokens
            .clone()
            .slice([0..batch, self.prefix + dropped..count, 0..dim]);
        let mut parts = vec![self.dropout.forward(own), rest];
        if self.prefix > 0 {
            parts.insert(0, tokens.slice([0..batch, 0..self.prefix, 0..dim]));
        }
        Tensor::cat(parts, 1)
    }
}

fn name(block: usize) -> String {
    format!("blocks.{block}.prompts")
}

impl<B: Backend> Seam<B> for Vpt<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        let tokens = base.forward(image);
        match self.prompts.first() {
            Some(prompts) => (self.with_prompts(prompts, tokens, 0), ()),
            None => (tokens, ()),
        }
    }

    fn after_block(&self, block: usize, x: Tensor<B, 3>, _state: &mut ()) -> Tensor<B, 3> {
        match self.prompts.get(block + 1) {
            Some(prompts) => self.with_prompts(prompts, x, self.extra_tokens()),
            None => x,
        }
    }

    fn extra_tokens(&self) -> usize {
        self.prompts.first().map_or(0, |prompts| prompts.dims()[1])
    }
}
