//! The adapter: embedding, attention and deflection as one value that is handed to the forward pass of a frozen backbone.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use peft_lora::Lora;
use vit_backbone::{
    Attention, LinearMap, LinearSite, Seam, SeededInit, TokenEmbed, Vit, VitConfig, apply_linear,
};

use crate::attention::UntangledAttention;
use crate::config::{Constraint, DeflectConfig, StreamUpdate};
use crate::deflection::norm_gap;
use crate::embedding::SpectralEmbedding;
use crate::error::DeflectError;
use crate::pixel_set::PixelSet;
use crate::standardise::Standardisation;

/// DEFLECT (Thoreau, Marsocci & Derksen, ICCV 2025) for one backbone and one description of the spectral channels.
///
/// A burn module with its own parameters only, all of them trainable; statistics of the training images are constants in it.
#[derive(Module, Debug)]
pub struct Deflect<B: Backend> {
    /// Untangled patch embedding.
    pub embedding: SpectralEmbedding<B>,
    /// Untangled attention of the adapted blocks, ascending.
    pub attention: Vec<UntangledAttention<B>>,
    /// Low-rank updates of the RGB path, if there are any.
    pub rgb_lora: Option<Lora<B>>,
    #[module(skip)]
    config: DeflectConfig,
}

/// The spectral stream on its way through the blocks, and the losses it leaves behind.
#[derive(Debug, Clone)]
pub struct SpectralState<B: Backend> {
    /// `x_A`, `[batch, prefix + patches, dim]`.
    pub stream: Tensor<B, 3>,
    /// [`norm_gap`] of the adapted blocks so far, with [`Constraint::Soft`].
    pub norm_gaps: Vec<Tensor<B, 1>>,
}

impl<B: Backend> SpectralState<B> {
    /// The mean of the norm gaps, `[1]`: the loss that the caller adds to its own. `None` but with [`Constraint::Soft`].
    pub fn norm_loss(&self) -> Option<Tensor<B, 1>> {
        let count = self.norm_gaps.len();
        let sum = self.norm_gaps.iter().cloned().reduce(|sum, gap| sum + gap);
        sum.map(|sum| sum / count as f64)
    }
}

impl<B: Backend> Deflect<B> {
    /// A fresh adapter: all random numbers come from `seed`, drawn on the host, the same on every backend.
    ///
    /// With `inject` 0 its outputs are the backbone's own (the new up-projections are zero); with the default they are not, because
    /// the tokens that enter the first block are `x_P + x_A`.
    ///
    /// # Errors
    /// What [`DeflectConfig::validate`], [`Standardisation::check`] and [`peft_lora::plan`] report.
    pub fn init(
        config: &DeflectConfig,
        vit: &VitConfig,
        standardisation: &Standardisation,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, DeflectError> {
        config.validate(vit)?;
        let pixel_set = config.pixel_set(vit)?;
        standardisation.check(&pixel_set)?;
        let source = SeededInit::new(seed);
        let blocks = config.blocks(vit)?.into_iter();
        let rgb_lora = match &config.rgb_lora {
            Some(lora) => Some(Lora::without_biases(lora, vit, seed, device)?),
            None => None,
        };
        Ok(Self {
            embedding: SpectralEmbedding::init(
                &config.embedding,
                &config.pixels,
                pixel_set,
                standardisation,
                vit,
                seed,
                device,
            ),
            attention: blocks
                .map(|block| {
                    UntangledAttention::init(&config.attention, block, vit, &source, device)
                })
                .collect(),
            rgb_lora,
            config: config.clone(),
        })
    }

    /// What it was built from.
    pub fn config(&self) -> &DeflectConfig {
        &self.config
    }

    /// How patches become numbers.
    pub fn pixel_set(&self) -> &PixelSet {
        &self.embedding.pixel_set
    }

    /// Number of trainable scalars.
    pub fn trainable_parameters(&self) -> usize {
        self.num_params()
    }

    /// Refuses images, `[batch, channels, height, width]`, whose channels or sides do not fit the description and the backbone.
    ///
    /// # Errors
    /// [`DeflectError::Image`].
    pub fn check_image(&self, shape: [usize; 4], vit: &VitConfig) -> Result<(), DeflectError> {
        if shape[1] < vit.in_channels {
            return Err(DeflectError::Image {
                found: shape.to_vec(),
                expected: format!(
                    "at least {} channels, the first of which the pretrained embedding sees",
                    vit.in_channels
                ),
            });
        }
        self.pixel_set().check_image(shape)
    }

    /// The whole model: tokens behind all blocks and the final norm, `[batch, tokens, dim]`, and the loss of the soft constraint
    /// where it was chosen. [`Vit::forward`] gives the same tokens.
    pub fn forward(
        &self,
        vit: &Vit<B>,
        image: Tensor<B, 4>,
    ) -> (Tensor<B, 3>, Option<Tensor<B, 1>>) {
        let (x, mut pass) = vit.embed(image, self);
        let x = vit.run_blocks(x, &mut pass, 0..vit.blocks.len(), self);
        (vit.final_norm(x, self), pass.state.norm_loss())
    }

    fn adapted(&self, block: usize) -> Option<&UntangledAttention<B>> {
        self.attention.iter().find(|maps| maps.block == block)
    }
}

impl DeflectConfig {
    /// How patches of this backbone's size become numbers; the training statistics are fitted with it.
    ///
    /// # Errors
    /// What [`PixelSet::new`] reports.
    pub fn pixel_set(&self, vit: &VitConfig) -> Result<PixelSet, DeflectError> {
        PixelSet::new(&self.spectrum, &self.pixels, vit.patch_size)
    }
}

impl<B: Backend> Seam<B> for Deflect<B> {
    type State = SpectralState<B>;

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, Self::State) {
        let (pretrained, stream) = self.embedding.forward(base, image);
        let inject = self.config.embedding.inject;
        let x = if inject == 0.0 {
            pretrained
        } else {
            pretrained + stream.clone() * inject
        };
        let state = SpectralState {
            stream,
            norm_gaps: Vec::new(),
        };
        (x, state)
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        match &self.rgb_lora {
            Some(lora) => lora.linear(site, base, x),
            None => apply_linear(base, x),
        }
    }

    fn attention(
        &self,
        block: usize,
        base: &Attention<B>,
        x: Tensor<B, 3>,
        state: &mut Self::State,
    ) -> Tensor<B, 3> {
        let Some(maps) = self.adapted(block) else {
            return base.forward_with(block, x, |site, linear, x| self.linear(site, linear, x));
        };
        let site = |map| LinearSite { block, map };
        let frozen = apply_linear(&base.qkv, x.clone());
        let rgb = match &self.rgb_lora {
            Some(lora) => lora.linear(site(LinearMap::Qkv), &base.qkv, x),
            None => frozen.clone(),
        };
        let spectral = maps.spectral(state.stream.clone());
        let sums = rgb + spectral.clone();
        // Rotary positions turn the sums: rotation is linear, so both streams are turned alike.
        let sums = base.rotate(sums);
        let joined = maps.product(sums.clone(), base.heads);
        let displacement = self.linear(site(LinearMap::Proj), &base.proj, joined);
        let deflection = &self.config.deflection;
        let factor = if deflection.needs_pretrained() {
            let pretrained = base.product(frozen);
            let pretrained = apply_linear(&base.proj, pretrained);
            if deflection.constraint == Constraint::Soft {
                let gap = norm_gap(displacement.clone(), pretrained.clone());
                state.norm_gaps.push(gap);
            }
            deflection.factor(displacement.clone(), pretrained)
        } else {
            None
        };
        let scaled = |tokens: Tensor<B, 3>| match &factor {
            Some(factor) => tokens * factor.clone(),
            None => tokens,
        };
        if self.config.attention.stream == StreamUpdate::Updated {
            let part = maps.spectral_part(base, sums, spectral);
            state.stream = state.stream.clone() + scaled(part);
        }
        scaled(displacement)
    }

    fn after_block(&self, block: usize, x: Tensor<B, 3>, state: &mut Self::State) -> Tensor<B, 3> {
        let factor = self.config.attention.reinject;
        if factor == 0.0 || self.adapted(block).is_none() {
            return x;
        }
        x + state.stream.clone() * factor
    }
}
