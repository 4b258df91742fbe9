//! The blocks of the U-Net: down, middle and up.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::build::Builder;
use crate::layers::{
    Conv, ResnetBlock, ResnetSizes, SpatialTransformer, TransformerSizes, doubled,
};
use crate::{DiffusionError, Stage, UnetConfig, UnetSeam, UnetSite};

/// What the blocks of a pass read beside their input.
pub(crate) struct Side<'a, B: Backend, S> {
    /// `[batch, time_dim]`, behind the SiLU that every residual block begins with.
    pub(crate) time: Tensor<B, 2>,
    /// `[batch, length, cross_attention_dim]`.
    pub(crate) context: Tensor<B, 3>,
    pub(crate) seam: &'a S,
}

impl<B: Backend, S: UnetSeam<B>> Side<'_, B, S> {
    fn attend(
        &self,
        transformer: &SpatialTransformer<B>,
        stage: Stage,
        attention: usize,
        x: Tensor<B, 4>,
    ) -> Tensor<B, 4> {
        let at = |map| UnetSite {
            stage,
            attention,
            map,
        };
        transformer.forward(x, &self.context, at, self.seam)
    }
}

/// Residual blocks, each with a transformer behind it where the level has attention, then a halving.
#[derive(Module, Debug)]
pub struct DownBlock<B: Backend> {
    /// Residual blocks.
    pub resnets: Vec<ResnetBlock<B>>,
    /// As many transformers, or none.
    pub attentions: Vec<SpatialTransformer<B>>,
    /// `downsamplers.0.conv`; absent at the coarsest level.
    pub downsampler: Option<Conv<B>>,
}

/// Residual blocks on the input joined with what the down path left, then a doubling.
#[derive(Module, Debug)]
pub struct UpBlock<B: Backend> {
    /// Residual blocks.
    pub resnets: Vec<ResnetBlock<B>>,
    /// As many transformers, or none.
    pub attentions: Vec<SpatialTransformer<B>>,
    /// `upsamplers.0.conv`, behind the doubling; absent at the finest level.
    pub upsampler: Option<Conv<B>>,
}

/// Two residual blocks around a transformer.
#[derive(Module, Debug)]
pub struct MidBlock<B: Backend> {
    /// Before and behind.
    pub resnets: Vec<ResnetBlock<B>>,
    /// One transformer.
    pub attentions: Vec<SpatialTransformer<B>>,
}

fn sizes(config: &UnetConfig) -> (ResnetSizes, TransformerSizes) {
    let resnet = ResnetSizes {
        groups: config.norm_num_groups,
        epsilon: config.norm_eps,
        time_dim: Some(config.time_dim()),
    };
    let transformer = TransformerSizes {
        groups: config.norm_num_groups,
        context: config.cross_attention_dim,
        matrices: config.use_linear_projection,
    };
    (resnet, transformer)
}

impl<B: Backend> DownBlock<B> {
    pub(crate) fn build(
        config: &UnetConfig,
        level: usize,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let (resnet, transformer) = sizes(config);
        let channels = &config.block_out_channels;
        let dim = channels[level];
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for layer in 0..config.layers_per_block {
            let inputs = if layer == 0 {
                channels[level.saturating_sub(1)]
            } else {
                dim
            };
            let name = format!("resnets.{layer}");
            resnets.push(ResnetBlock::build(inputs, dim, resnet, from.child(name))?);
            if config.down_attention[level] {
                let from = from.child(format!("attentions.{layer}"));
                let heads = config.heads[level];
                attentions.push(SpatialTransformer::build(dim, heads, transformer, from)?);
            }
        }
        let last = level + 1 == config.levels();
        Ok(Self {
            resnets,
            attentions,
            downsampler: if last {
                None
            } else {
                let from = from.child("downsamplers.0.conv");
                Some(Conv::build_halving(dim, 1, from)?)
            },
        })
    }

    /// Pushes what the up path will need to `skips`, the output among it.
    pub(crate) fn forward<S: UnetSeam<B>>(
        &self,
        block: usize,
        mut x: Tensor<B, 4>,
        side: &Side<'_, B, S>,
        skips: &mut Vec<Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        for (layer, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, Some(&side.time));
            if let Some(transformer) = self.attentions.get(layer) {
                x = side.attend(transformer, Stage::Down(block), layer, x);
            }
            skips.push(x.clone());
        }
        if let Some(conv) = &self.downsampler {
            x = conv.forward(x);
            skips.push(x.clone());
        }
        x
    }
}

impl<B: Backend> MidBlock<B> {
    pub(crate) fn build(
        config: &UnetConfig,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let (resnet, transformer) = sizes(config);
        let last = config.levels() - 1;
        let (dim, heads) = (config.block_out_channels[last], config.heads[last]);
        let mut resnets = Vec::new();
        for name in ["resnets.0", "resnets.1"] {
            resnets.push(ResnetBlock::build(dim, dim, resnet, from.child(name))?);
        }
        let attention = from.child("attentions.0");
        Ok(Self {
            resnets,
            attentions: vec![SpatialTransformer::build(
                dim,
                heads,
                transformer,
                attention,
            )?],
        })
    }

    pub(crate) fn forward<S: UnetSeam<B>>(
        &self,
        mut x: Tensor<B, 4>,
        side: &Side<'_, B, S>,
    ) -> Tensor<B, 4> {
        for (number, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, Some(&side.time));
            if let Some(transformer) = self.attentions.get(number) {
                x = side.attend(transformer, Stage::Mid, number, x);
            }
        }
        x
    }
}

impl<B: Backend> UpBlock<B> {
    pub(crate) fn build(
        config: &UnetConfig,
        block: usize,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let (resnet, transformer) = sizes(config);
        let channels = &config.block_out_channels;
        let level = config.levels() - 1 - block;
        let dim = channels[level];
        // What comes from the block before, and what the down path left below the block's own level.
        let before = channels[(level + 1).min(config.levels() - 1)];
        let below = channels[level.saturating_sub(1)];
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for layer in 0..=config.layers_per_block {
            let own = if layer == 0 { before } else { dim };
            let skip = if layer == config.layers_per_block {
                below
            } else {
                dim
            };
            let name = format!("resnets.{layer}");
            let inputs = own + skip;
            resnets.push(ResnetBlock::build(inputs, dim, resnet, from.child(name))?);
            if config.up_attention[block] {
                let from = from.child(format!("attentions.{layer}"));
                let heads = config.heads[level];
                attentions.push(SpatialTransformer::build(dim, heads, transformer, from)?);
            }
        }
        Ok(Self {
            resnets,
            attentions,
            upsampler: if level == 0 {
                None
            } else {
                let from = from.child("upsamplers.0.conv");
                Some(Conv::build(dim, dim, 3, from)?)
            },
        })
    }

    /// Takes what the down path left off the end of `skips`.
    pub(crate) fn forward<S: UnetSeam<B>>(
        &self,
        block: usize,
        mut x: Tensor<B, 4>,
        side: &Side<'_, B, S>,
        skips: &mut Vec<Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        for (layer, resnet) in self.resnets.iter().enumerate() {
            let skip = skips.pop().expect("the down path leaves one per layer");
            x = resnet.forward(Tensor::cat(vec![x, skip], 1), Some(&side.time));
            if let Some(transformer) = self.attentions.get(layer) {
                x = side.attend(transformer, Stage::Up(block), layer, x);
            }
        }
        match &self.upsampler {
            Some(conv) => conv.forward(doubled(x)),
            None => x,
        }
    }
}
