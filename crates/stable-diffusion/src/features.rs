//! Diffusion features (Tang et al., Emergent Correspondence from Image Diffusion, NeurIPS 2023), as the debLoRA code takes them:
//! latents are noised for an early time step, and a block of the U-Net answers; the mean over several draws of noise.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};

use crate::noise::standard_normal;
use crate::{DiffusionError, StableDiffusion, Stage, UnetConfig, UnetSeam};

/// How features are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureOptions {
    /// The block whose output is the feature.
    pub stage: Stage,
    /// The time step of the noise.
    pub time: usize,
    /// Number of draws of noise over which the mean is taken.
    pub ensemble: usize,
    /// Whether each draw takes its own latents from the autoencoder's distribution, as the published code does, or all take its mean.
    pub sample: bool,
    /// Where the noise comes from. Every image gets the same draws, so that its feature does not depend on what else is embedded.
    pub seed: u64,
    /// Noised latents that go through the U-Net at a time.
    pub at_once: usize,
}

impl Default for FeatureOptions {
    /// What the debLoRA code uses: the middle, time step 1, a mean of 8 draws.
    fn default() -> Self {
        Self {
            stage: Stage::Mid,
            time: 1,
            ensemble: 8,
            sample: true,
            seed: 0,
            at_once: 8,
        }
    }
}

/// The draws of one ensemble.
#[derive(Debug, Clone)]
pub struct Draws<B: Backend> {
    /// Noise with which latents are drawn, `[ensemble, latent_channels, h, w]`; `None` takes the mean of the distribution.
    pub latents: Option<Tensor<B, 4>>,
    /// Noise that is added to the latents: `[ensemble, latent_channels, h, w]`.
    pub noise: Tensor<B, 4>,
}

impl<B: Backend> StableDiffusion<B> {
    /// Features of images: the output of a block, averaged over an ensemble. At 512 x 512 pixels the middle of Stable Diffusion
    /// v1.5 gives `[images, 1280, 8, 8]`.
    ///
    /// # Shapes
    /// - `image`: `[images, 3, height, width]` in `[-1, 1]`, sides multiples of [`StableDiffusion::reduction`]
    /// - `context`: `[1 or images, 77, cross_attention_dim]`, from [`StableDiffusion::context`]
    /// - result: `[images, channels, h, w]` of the block
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] when images, context or options do not fit the model.
    pub fn features<S: UnetSeam<B>>(
        &self,
        image: Tensor<B, 4>,
        context: &Tensor<B, 3>,
        options: &FeatureOptions,
        seam: &S,
    ) -> Result<Tensor<B, 4>, DiffusionError> {
        check_count("the ensemble", options.ensemble)?;
        let [_, _, height, width] = image.dims();
        let step = self.vae.config.reduction();
        let shape = [
            options.ensemble,
            self.vae.config.latent_channels,
            height / step,
            width / step,
        ];
        let device = image.device();
        let draw = |name| standard_normal::<B>(options.seed, name, shape, &device);
        let draws = Draws {
            latents: options.sample.then(|| draw("latents")),
            noise: draw("noise"),
        };
        self.features_of_draws(image, context, options, &draws, seam)
    }

    /// The same with draws of one's own; their number is the size of the ensemble.
    ///
    /// # Errors
    /// As [`StableDiffusion::features`], and for draws of another shape.
    pub fn features_of_draws<S: UnetSeam<B>>(
        &self,
        image: Tensor<B, 4>,
        context: &Tensor<B, 3>,
        options: &FeatureOptions,
        draws: &Draws<B>,
        seam: &S,
    ) -> Result<Tensor<B, 4>, DiffusionError> {
        self.unet.check_stage(options.stage)?;
        self.schedule.check_time(options.time)?;
        check_count("the number of latents at once", options.at_once)?;
        let images = image.dims()[0];
        let [contexts, length, dim] = context.dims();
        if contexts != 1 && contexts != images {
            return Err(DiffusionError::argument(
                "the number of contexts",
                contexts,
                format!("1 or {images}"),
            ));
        }
        let posterior = self.posterior(image)?;
        let [_, channels, height, width] = posterior.mean.dims();
        let ensemble = draws.noise.dims()[0];
        check_count("the ensemble", ensemble)?;
        for noise in std::iter::once(&draws.noise).chain(&draws.latents) {
            if noise.dims() != [ensemble, channels, height, width] {
                return Err(DiffusionError::argument(
                    "the shape of the draws",
                    format!("{:?}", noise.dims()),
                    format!("{:?}", [ensemble, channels, height, width]),
                ));
            }
        }
        let context = context.clone().expand([images, length, dim]);
        let mut features = Vec::with_capacity(images);
        for number in 0..images {
            let one = crate::Posterior {
                mean: posterior.mean.clone().narrow(0, number, 1),
                logvar: posterior.logvar.clone().narrow(0, number, 1),
            };
            let context = context.clone().narrow(0, number, 1);
            let mut sum: Option<Tensor<B, 4>> = None;
            for start in (0..ensemble).step_by(options.at_once) {
                let count = options.at_once.min(ensemble - start);
                let own = draws.latents.clone().map(|own| own.narrow(0, start, count));
                let latents = self.latents(&one, own);
                let noise = draws.noise.clone().narrow(0, start, count);
                let noise = noise.cast(latents.dtype());
                let latents = latents.expand([count, channels, height, width]);
                let noised = self.schedule.add_noise(latents, noise, &[options.time])?;
                let found = self.unet.features(
                    noised,
                    &[options.time],
                    context.clone(),
                    &[options.stage],
                    seam,
                )?;
                for feature in found {
                    let part = sum_of_draws(feature);
                    sum = Some(match sum {
                        Some(sum) => sum + part,
                        None => part,
                    });
                }
            }
            let dtype = context.dtype();
            features.extend(sum.map(|sum| sum.div_scalar(ensemble as f64).cast(dtype)));
        }
        Ok(Tensor::cat(features, 0))
    }

    /// Channels, height and width of a block's output for images of some size.
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] when the model has no such block.
    pub fn feature_shape(
        &self,
        stage: Stage,
        [height, width]: [usize; 2],
    ) -> Result<[usize; 3], DiffusionError> {
        self.unet.check_stage(stage)?;
        let step = self.vae.config.reduction();
        self.unet
            .config
            .feature_shape(stage, [height / step, width / step])
    }
}

impl UnetConfig {
    /// Channels, height and width of a block's output for latents of some size: a model need not be there.
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] when there is no such block.
    pub fn feature_shape(
        &self,
        stage: Stage,
        [height, width]: [usize; 2],
    ) -> Result<[usize; 3], DiffusionError> {
        let last = self.levels() - 1;
        // Halvings behind the latents; a block's own change of resolution is part of its output.
        let (level, halvings) = match stage {
            Stage::Down(block) if block <= last => (block, (block + 1).min(last)),
            Stage::Mid => (last, last),
            Stage::Up(block) if block <= last => (last - block, (last - block).saturating_sub(1)),
            _ => {
                return Err(DiffusionError::argument(
                    "the block",
                    stage,
                    format!("0 to {last} as its number"),
                ));
            }
        };
        let channels = self.block_out_channels[level];
        Ok([channels, height >> halvings, width >> halvings])
    }
}

/// The sum over the first axis, of numbers of 16 bits in single precision.
fn sum_of_draws<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    match x.dtype() {
        DType::F16 | DType::BF16 => x.cast(FloatDType::F32).sum_dim(0),
        _ => x.sum_dim(0),
    }
}

fn check_count(what: &'static str, count: usize) -> Result<(), DiffusionError> {
    if (1..=1 << 16).contains(&count) {
        return Ok(());
    }
    Err(DiffusionError::argument(what, count, "1 to 65536"))
}
