//! The U-Net of Stable Diffusion (Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022), as
//! `UNet2DConditionModel` of diffusers computes it.

mod blocks;
mod time;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;
use burn::tensor::backend::Backend;
use vit_backbone::{Expected, ParameterSource, SeededInit};

use self::blocks::Side;
pub use self::blocks::{DownBlock, MidBlock, UpBlock};
pub use self::time::TimeEmbedding;
use crate::build::{Builder, listed, total};
use crate::layers::{Conv, GroupNorm, SpatialTransformer};
use crate::{DiffusionError, Stage, UnetConfig, UnetMap, UnetSeam, UnetSite};

/// The network that predicts noise, with or without its up path.
#[derive(Module, Debug)]
pub struct Unet<B: Backend> {
    /// The first convolution.
    pub conv_in: Conv<B>,
    /// The embedding of time.
    pub time_embedding: TimeEmbedding<B>,
    /// From the finest level to the coarsest.
    pub down_blocks: Vec<DownBlock<B>>,
    /// The middle.
    pub mid_block: MidBlock<B>,
    /// From the coarsest level to the prediction; features of down path and middle do not need it.
    pub up: Option<UpPath<B>>,
    /// Its sizes.
    #[module(skip)]
    pub config: UnetConfig,
}

/// The up path.
#[derive(Module, Debug)]
pub struct UpPath<B: Backend> {
    /// From the coarsest level to the finest.
    pub up_blocks: Vec<UpBlock<B>>,
    /// Before the last convolution.
    pub conv_norm_out: GroupNorm<B>,
    /// The last convolution.
    pub conv_out: Conv<B>,
}

impl<B: Backend> UpPath<B> {
    fn build(config: &UnetConfig, from: &mut Builder<'_, B>) -> Result<Self, DiffusionError> {
        let mut up_blocks = Vec::new();
        for block in 0..config.levels() {
            let from = from.child(format!("up_blocks.{block}"));
            up_blocks.push(UpBlock::build(config, block, from)?);
        }
        let first = config.block_out_channels[0];
        let norm = from.child("conv_norm_out");
        Ok(Self {
            up_blocks,
            conv_norm_out: GroupNorm::build(first, config.norm_num_groups, config.norm_eps, norm)?,
            conv_out: Conv::build(first, config.out_channels, 3, from.child("conv_out"))?,
        })
    }
}

impl UnetConfig {
    /// Every parameter under its published name, without building the model.
    ///
    /// # Errors
    /// What [`UnetConfig::validate`] reports.
    pub fn parameters(&self, up_path: bool) -> Result<Vec<Expected>, DiffusionError> {
        self.validate()?;
        listed(|from| Unet::build(self, up_path, from))
    }

    /// Number of parameters, without building the model.
    ///
    /// # Errors
    /// What [`UnetConfig::validate`] reports.
    pub fn parameter_count(&self) -> Result<usize, DiffusionError> {
        Ok(total(&self.parameters(true)?))
    }
}

impl<B: Backend> Unet<B> {
    /// A model with random parameters drawn on the host, the same on every backend.
    ///
    /// # Errors
    /// What [`UnetConfig::validate`] reports.
    pub fn init(
        config: &UnetConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, DiffusionError> {
        Self::from_source(config, true, &mut SeededInit::new(seed), device)
    }

    /// A model whose parameters come from `source`, asked for by their published names.
    ///
    /// # Errors
    /// What [`UnetConfig::validate`] reports, or what the source fails with.
    pub fn from_source(
        config: &UnetConfig,
        up_path: bool,
        source: &mut dyn ParameterSource,
        device: &B::Device,
    ) -> Result<Self, DiffusionError> {
        config.validate()?;
        Self::build(config, up_path, Builder::new(source, device))
    }

    pub(crate) fn build(
        config: &UnetConfig,
        up_path: bool,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let first = config.block_out_channels[0];
        let conv_in = Conv::build(config.in_channels, first, 3, from.child("conv_in"))?;
        let time_embedding = TimeEmbedding::build(config, from.child("time_embedding"))?;
        let mut down_blocks = Vec::new();
        for level in 0..config.levels() {
            let from = from.child(format!("down_blocks.{level}"));
            down_blocks.push(DownBlock::build(config, level, from)?);
        }
        Ok(Self {
            conv_in,
            time_embedding,
            down_blocks,
            mid_block: MidBlock::build(config, from.child("mid_block"))?,
            up: if up_path {
                Some(UpPath::build(config, &mut from)?)
            } else {
                None
            },
            config: config.clone(),
        })
    }

    /// The predicted noise (or velocity, for models that were trained to predict it).
    ///
    /// # Shapes
    /// - `latents`: `[batch, in_channels, height, width]`, sides multiples of [`UnetConfig::reduction`]
    /// - `times`: one time step per image, or one for all
    /// - `context`: `[batch, length, cross_attention_dim]`, or a batch of one for all
    /// - result: `[batch, out_channels, height, width]`
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] when shapes do not fit or the model was built without its up path.
    pub fn forward<S: UnetSeam<B>>(
        &self,
        latents: Tensor<B, 4>,
        times: &[usize],
        context: Tensor<B, 3>,
        seam: &S,
    ) -> Result<Tensor<B, 4>, DiffusionError> {
        let Some(up) = &self.up else {
            return Err(without_up_path("a prediction"));
        };
        let x = self.walk(latents, times, context, seam, |_, _| true)?;
        let x = silu(up.conv_norm_out.forward(x));
        Ok(up.conv_out.forward(x))
    }

    /// The outputs of chosen blocks, in the order asked for; blocks behind the last of them are not run.
    ///
    /// # Shapes
    /// As [`Unet::forward`]; results `[batch, channels, height / s, width / s]` with the channels and the size of the block.
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] when shapes do not fit or the model has no such block.
    pub fn features<S: UnetSeam<B>>(
        &self,
        latents: Tensor<B, 4>,
        times: &[usize],
        context: Tensor<B, 3>,
        stages: &[Stage],
        seam: &S,
    ) -> Result<Vec<Tensor<B, 4>>, DiffusionError> {
        for stage in stages {
            self.check_stage(*stage)?;
        }
        let mut found = vec![None; stages.len()];
        if stages.is_empty() {
            return Ok(Vec::new());
        }
        self.walk(latents, times, context, seam, |stage, x| {
            for (slot, wanted) in found.iter_mut().zip(stages) {
                if *wanted == stage {
                    *slot = Some(x.clone());
                }
            }
            found.iter().any(Option::is_none)
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Refuses blocks that the model does not have.
    pub(crate) fn check_stage(&self, stage: Stage) -> Result<(), DiffusionError> {
        let levels = self.config.levels();
        match stage {
            Stage::Up(_) if self.up.is_none() => Err(without_up_path("a block of the up path")),
            Stage::Down(block) | Stage::Up(block) if block >= levels => {
                Err(DiffusionError::argument(
                    "the block",
                    stage,
                    format!("0 to {} as its number", levels - 1),
                ))
            }
            _ => Ok(()),
        }
    }

    /// The embedding of some time steps: `[times, 4 channels]`.
    pub fn embed_times(&self, times: &[usize]) -> Tensor<B, 2> {
        let device = self.conv_in.weight.device();
        self.time_embedding.forward(times, &self.config, &device)
    }

    /// Runs block by block; `visit` sees every output and says whether to go on.
    fn walk<S: UnetSeam<B>>(
        &self,
        latents: Tensor<B, 4>,
        times: &[usize],
        context: Tensor<B, 3>,
        seam: &S,
        mut visit: impl FnMut(Stage, &Tensor<B, 4>) -> bool,
    ) -> Result<Tensor<B, 4>, DiffusionError> {
        let dtype = self.conv_in.weight.val().dtype();
        let side = self.side(&latents, times, context.cast(dtype), seam)?;
        let mut x = self.conv_in.forward(latents.cast(dtype));
        let mut skips = vec![x.clone()];
        for (number, block) in self.down_blocks.iter().enumerate() {
            x = block.forward(number, x, &side, &mut skips);
            if !visit(Stage::Down(number), &x) {
                return Ok(x);
            }
        }
        x = self.mid_block.forward(x, &side);
        if !visit(Stage::Mid, &x) {
            return Ok(x);
        }
        for (number, block) in self
            .up
            .iter()
            .flat_map(|up| up.up_blocks.iter().enumerate())
        {
            x = block.forward(number, x, &side, &mut skips);
            if !visit(Stage::Up(number), &x) {
                return Ok(x);
            }
        }
        Ok(x)
    }

    /// Checks the arguments of a pass and prepares what its blocks read.
    fn side<'a, S: UnetSeam<B>>(
        &self,
        latents: &Tensor<B, 4>,
        times: &[usize],
        context: Tensor<B, 3>,
        seam: &'a S,
    ) -> Result<Side<'a, B, S>, DiffusionError> {
        let [batch, channels, height, width] = latents.dims();
        let step = self.config.reduction();
        let fits = |side: usize| side > 0 && side.is_multiple_of(step);
        let inputs = self.config.in_channels;
        if batch == 0 || channels != inputs || !fits(height) || !fits(width) {
            return Err(DiffusionError::argument(
                "the shape of the latents",
                format!("{:?}", latents.dims()),
                format!(
                    "[batch, {inputs}, height, width] with multiples of {step} as height and width"
                ),
            ));
        }
        if times.len() != 1 && times.len() != batch {
            return Err(DiffusionError::argument(
                "the number of time steps",
                times.len(),
                format!("{batch}, one per image, or one for all"),
            ));
        }
        let [contexts, length, dim] = context.dims();
        let wanted = self.config.cross_attention_dim;
        if dim != wanted || length == 0 || (contexts != 1 && contexts != batch) {
            return Err(DiffusionError::argument(
                "the shape of the context",
                format!("{:?}", context.dims()),
                format!(
                    "[{batch} or 1, length, {wanted}]: the output of the text encoder of the same model"
                ),
            ));
        }
        let time = silu(self.embed_times(times));
        let dim = time.dims()[1];
        Ok(Side {
            time: time.expand([batch, dim]),
            context: context.expand([batch, length, wanted]),
            seam,
        })
    }

    /// Every linear map that a seam sees, in the order of the forward pass.
    pub fn sites(&self) -> Vec<UnetSite> {
        let levels = self.config.levels();
        let stages = (0..levels)
            .map(Stage::Down)
            .chain([Stage::Mid])
            .chain((0..levels).map(Stage::Up));
        stages
            .flat_map(|stage| {
                (0..self.transformers(stage).len()).flat_map(move |attention| {
                    UnetMap::ALL.into_iter().map(move |map| UnetSite {
                        stage,
                        attention,
                        map,
                    })
                })
            })
            .collect()
    }

    /// A linear map of the base, if the model has it.
    pub fn linear(&self, site: UnetSite) -> Option<&Linear<B>> {
        let transformer = self.transformers(site.stage).get(site.attention)?;
        Some(transformer.linear(site.map))
    }

    fn transformers(&self, stage: Stage) -> &[SpatialTransformer<B>] {
        match stage {
            Stage::Down(block) => self.down_blocks.get(block).map_or(&[], |b| &b.attentions),
            Stage::Mid => &self.mid_block.attentions,
            Stage::Up(block) => {
                let block = self.up.as_ref().and_then(|up| up.up_blocks.get(block));
                block.map_or(&[], |block| &block.attentions)
            }
        }
    }
}

fn without_up_path(what: &str) -> DiffusionError {
    DiffusionError::argument(
        "what was asked for",
        what,
        "the middle or a block of the down path: the model was loaded without its up path",
    )
}
