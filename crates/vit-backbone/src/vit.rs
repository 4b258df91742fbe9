//! The vision transformer: embedding, blocks, final norm, and the enumeration of its places.

use std::ops::Range;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Tensor};

use crate::block::BlockSpec;
use crate::build::Builder;
use crate::{
    BackboneError, Block, FeatureRequest, LayerNorm, LinearMap, LinearSite, NormSite,
    ParameterSource, Pass, Seam, SeededInit, TokenEmbed, VitConfig, apply_linear,
};

/// A vision transformer without a head (Dosovitskiy et al. 2021), module for module timm's `VisionTransformer`.
#[derive(Module, Debug)]
pub struct Vit<B: Backend> {
    /// Patches, prefix tokens and positions.
    pub embed: TokenEmbed<B>,
    /// The LayerNorm between embedding and blocks, if the model has one (`norm_pre`).
    pub norm_pre: Option<LayerNorm<B>>,
    /// The blocks.
    pub blocks: Vec<Block<B>>,
    /// The LayerNorm behind the last block, if the model has one.
    pub norm: Option<LayerNorm<B>>,
    /// The bias-free map behind pooling, if the model has one (CLIP's `proj`, timm's `head`): weight `[dim, outputs]`.
    pub projection: Option<Linear<B>>,
}

impl<B: Backend> Vit<B> {
    /// A model with random parameters as MAE initialises them: Xavier-uniform linear maps, truncated-normal (0.02) tokens,
    /// zero biases. The same seed gives the same model on every backend.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the configuration is not valid.
    pub fn init(config: &VitConfig, seed: u64, device: &B::Device) -> Result<Self, BackboneError> {
        Self::from_source(config, &mut SeededInit::new(seed), device)
    }

    /// A model whose parameters come from `source`, asked for by their names in a timm checkpoint.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when the configuration is not valid, or what the source fails with.
    pub fn from_source(
        config: &VitConfig,
        source: &mut dyn ParameterSource,
        device: &B::Device,
    ) -> Result<Self, BackboneError> {
        Self::from_source_as(config, source, device, None)
    }

    /// The same with parameters of another type than the backend's own. Images may be of any type: tokens and features have that of
    /// the parameters.
    ///
    /// # Errors
    /// As [`Vit::from_source`]; [`BackboneError::Type`] when the backend does not compute with that type, and
    /// [`BackboneError::Precision`] for a value that does not fit it.
    pub fn from_source_as(
        config: &VitConfig,
        source: &mut dyn ParameterSource,
        device: &B::Device,
        dtype: Option<FloatDType>,
    ) -> Result<Self, BackboneError> {
        config.validate()?;
        if let Some(asked) = dtype
            && !B::supports_dtype(device, asked.into())
        {
            return Err(BackboneError::Type {
                asked: format!("{asked:?}"),
                backend: B::name(device),
            });
        }
        let mut from = Builder::new(source, device).with_dtype(dtype);
        let norm = |name: &str, wanted: bool, from: &mut Builder<'_, B>| {
            wanted
                .then(|| from.child(name).norm(config.dim, config.layer_norm_eps))
                .transpose()
        };
        Ok(Self {
            embed: TokenEmbed::build(config, &mut from)?,
            norm_pre: norm("norm_pre", config.pre_norm, &mut from)?,
            blocks: BlockSpec::from(config).build(from.child("blocks"))?,
            norm: norm("norm", config.final_norm, &mut from)?,
            projection: config
                .projection
                .map(|outputs| from.child("head").linear(config.dim, outputs, false))
                .transpose()?,
        })
    }

    /// Image to the sequence that enters the first block, and what the pass carries on: the adapter's state above all.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`
    /// - result: `[batch, prefix + patches, dim]`
    pub fn embed<S: Seam<B>>(
        &self,
        image: Tensor<B, 4>,
        seam: &S,
    ) -> (Tensor<B, 3>, Pass<B, S::State>) {
        let rotary = self.embed.rotary(&image);
        let (x, state) = seam.embed(&self.embed, image);
        let x = match &self.norm_pre {
            Some(norm) => seam.norm(NormSite::Pre, norm, x),
            None => x,
        };
        (x, Pass { state, rotary })
    }

    /// Runs some of the blocks. A caller that keeps the output of a frozen prefix of blocks can go on from there.
    ///
    /// # Shapes
    /// - `x`, result: `[batch, tokens, dim]`
    ///
    /// # Panics
    /// When the range ends behind the last block.
    pub fn run_blocks<S: Seam<B>>(
        &self,
        x: Tensor<B, 3>,
        pass: &mut Pass<B, S::State>,
        range: Range<usize>,
        seam: &S,
    ) -> Tensor<B, 3> {
        let start = range.start;
        self.blocks[range]
            .iter()
            .enumerate()
            .fold(x, |x, (offset, block)| {
                block.forward_in(start + offset, x, pass, seam)
            })
    }

    /// The final norm, if the model has one: `[batch, tokens, dim]` to the same.
    pub fn final_norm<S: Seam<B>>(&self, x: Tensor<B, 3>, seam: &S) -> Tensor<B, 3> {
        match &self.norm {
            Some(norm) => seam.norm(NormSite::Final, norm, x),
            None => x,
        }
    }

    /// Image to the tokens behind all blocks and the final norm, if there is one: timm's `forward_features`.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`
    /// - result: `[batch, prefix + patches, dim]`
    ///
    /// # Panics
    /// When the image does not fit; [`VitConfig::check_image`] gives the error beforehand.
    pub fn forward<S: Seam<B>>(&self, image: Tensor<B, 4>, seam: &S) -> Tensor<B, 3> {
        let (x, mut pass) = self.embed(image, seam);
        let x = self.run_blocks(x, &mut pass, 0..self.blocks.len(), seam);
        self.final_norm(x, seam)
    }

    /// Token sequences of chosen blocks, in the order of the request, each `[batch, prefix + patches, dim]`.
    /// Blocks behind the last one wanted are not run.
    ///
    /// # Panics
    /// When a block does not exist; [`FeatureRequest::validate`] gives the error beforehand.
    pub fn features<S: Seam<B>>(
        &self,
        image: Tensor<B, 4>,
        request: &FeatureRequest,
        seam: &S,
    ) -> Vec<Tensor<B, 3>> {
        let Some(&last) = request.blocks.iter().max() else {
            return Vec::new();
        };
        let (mut x, mut pass) = self.embed(image, seam);
        let mut found: Vec<Option<Tensor<B, 3>>> = vec![None; request.blocks.len()];
        for block in 0..=last {
            x = self.run_blocks(x, &mut pass, block..block + 1, seam);
            for (slot, _) in found
                .iter_mut()
                .zip(&request.blocks)
                .filter(|(_, wanted)| **wanted == block)
            {
                *slot = Some(if request.final_norm {
                    self.final_norm(x.clone(), seam)
                } else {
                    x.clone()
                });
            }
        }
        found.into_iter().flatten().collect()
    }

    /// A pooled feature behind the model's projection, or itself when there is none: `[batch, dim]` to `[batch, outputs]`.
    /// No adapter acts here.
    pub fn project(&self, feature: Tensor<B, 2>) -> Tensor<B, 2> {
        match &self.projection {
            Some(linear) => apply_linear(linear, feature.unsqueeze()).squeeze_dim(0),
            None => feature,
        }
    }

    /// Number of tokens in front of the patches: class token, registers, and what the adapter adds.
    pub fn prefix_tokens<S: Seam<B>>(&self, seam: &S) -> usize {
        self.embed.prefix() + seam.extra_tokens()
    }

    /// Every linear map of the blocks, in the order of the forward pass.
    pub fn linear_sites(&self) -> Vec<LinearSite> {
        (0..self.blocks.len())
            .flat_map(|block| {
                LinearMap::ALL
                    .into_iter()
                    .map(move |map| LinearSite { block, map })
            })
            .collect()
    }

    /// A linear map.
    ///
    /// # Panics
    /// When the block does not exist.
    pub fn linear(&self, site: LinearSite) -> &Linear<B> {
        let block = &self.blocks[site.block];
        match site.map {
            LinearMap::Qkv => &block.attn.qkv,
            LinearMap::Proj => &block.attn.proj,
            LinearMap::Fc1 => &block.mlp.fc1,
            LinearMap::Fc2 => &block.mlp.fc2,
        }
    }

    /// A linear map, to be changed.
    ///
    /// # Panics
    /// When the block does not exist.
    pub fn linear_mut(&mut self, site: LinearSite) -> &mut Linear<B> {
        let block = &mut self.blocks[site.block];
        match site.map {
            LinearMap::Qkv => &mut block.attn.qkv,
            LinearMap::Proj => &mut block.attn.proj,
            LinearMap::Fc1 => &mut block.mlp.fc1,
            LinearMap::Fc2 => &mut block.mlp.fc2,
        }
    }

    /// Every LayerNorm, in the order of the forward pass.
    pub fn norm_sites(&self) -> Vec<NormSite> {
        let pre = self.norm_pre.is_some().then_some(NormSite::Pre);
        pre.into_iter()
            .chain(
                (0..self.blocks.len())
                    .flat_map(|block| [NormSite::Norm1(block), NormSite::Norm2(block)]),
            )
            .chain(self.norm.is_some().then_some(NormSite::Final))
            .collect()
    }

    /// A LayerNorm; `None` for [`NormSite::Pre`] or [`NormSite::Final`] of a model without one, or a block that does not exist.
    pub fn norm_layer(&self, site: NormSite) -> Option<&LayerNorm<B>> {
        match site {
            NormSite::Norm1(block) => self.blocks.get(block).map(|block| &block.norm1),
            NormSite::Norm2(block) => self.blocks.get(block).map(|block| &block.norm2),
            NormSite::Pre => self.norm_pre.as_ref(),
            NormSite::Final => self.norm.as_ref(),
        }
    }

    /// A LayerNorm, to be changed; `None` as in [`Vit::norm_layer`].
    pub fn norm_layer_mut(&mut self, site: NormSite) -> Option<&mut LayerNorm<B>> {
        match site {
            NormSite::Norm1(block) => self.blocks.get_mut(block).map(|block| &mut block.norm1),
            NormSite::Norm2(block) => self.blocks.get_mut(block).map(|block| &mut block.norm2),
            NormSite::Pre => self.norm_pre.as_mut(),
            NormSite::Final => self.norm.as_mut(),
        }
    }
}
