//! The noise schedule (Ho et al., Denoising Diffusion Probabilistic Models, NeurIPS 2020).

use std::path::Path;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde_json::json;

use crate::DiffusionError;
use crate::config::Fields;

/// How variances grow from the first step to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetaSchedule {
    /// Evenly.
    Linear,
    /// With evenly growing square roots: Stable Diffusion's.
    ScaledLinear,
}

/// What the U-Net was trained to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// The noise.
    Epsilon,
    /// `sqrt(a) noise - sqrt(1 - a) latents` (Salimans & Ho, ICLR 2022).
    Velocity,
}

/// How much of the latents is left at each time step: `x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise` (Ho et al., equation 4).
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseSchedule {
    /// `a_t` for each step, falling.
    alphas_cumprod: Vec<f64>,
    /// What the U-Net predicts.
    pub prediction: Prediction,
}

impl NoiseSchedule {
    /// A schedule of `steps` variances between `start` and `end`.
    ///
    /// # Errors
    /// [`DiffusionError::Config`] unless `0 < start <= end < 1` and there are 1 to 100,000 steps.
    pub fn new(
        kind: BetaSchedule,
        start: f64,
        end: f64,
        steps: usize,
        prediction: Prediction,
    ) -> Result<Self, DiffusionError> {
        if !(0.0 < start && start <= end && end < 1.0) {
            return Err(DiffusionError::config(
                "beta_start, beta_end",
                format!("{start}, {end}"),
                "0 < beta_start <= beta_end < 1",
            ));
        }
        if !(1..=100_000).contains(&steps) {
            return Err(DiffusionError::config(
                "num_train_timesteps",
                steps,
                "1 to 100000",
            ));
        }
        let between = |from: f64, to: f64, step: usize| {
            from + (to - from) * step as f64 / (steps - 1).max(1) as f64
        };
        let mut left = 1.0;
        let alphas_cumprod = (0..steps)
            .map(|step| {
                let beta = match kind {
                    BetaSchedule::Linear => between(start, end, step),
                    BetaSchedule::ScaledLinear => between(start.sqrt(), end.sqrt(), step).powi(2),
                };
                left *= 1.0 - beta;
                left
            })
            .collect();
        Ok(Self {
            alphas_cumprod,
            prediction,
        })
    }

    /// The schedule of Stable Diffusion v1: 1000 steps, scaled-linear from 0.00085 to 0.012, noise predicted.
    ///
    /// # Panics
    /// Never: the numbers are in range.
    pub fn sd_v1_5() -> Self {
        let kind = BetaSchedule::ScaledLinear;
        Self::new(kind, 0.00085, 0.012, 1000, Prediction::Epsilon).expect("numbers in range")
    }

    /// Reads `scheduler/scheduler_config.json`, of whichever sampler: the noise is the same for all of them.
    ///
    /// # Errors
    /// [`DiffusionError::Io`], [`DiffusionError::File`], or [`DiffusionError::Config`] naming the field.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, DiffusionError> {
        let fields = Fields::open(path.as_ref())?;
        fields.only(&[
            ("trained_betas", json!(null)),
            ("rescale_betas_zero_snr", json!(false)),
        ])?;
        let kinds = [
            ("linear", BetaSchedule::Linear),
            ("scaled_linear", BetaSchedule::ScaledLinear),
        ];
        let predictions = [
            ("epsilon", Prediction::Epsilon),
            ("v_prediction", Prediction::Velocity),
        ];
        Self::new(
            fields.choice("beta_schedule", "linear", &kinds)?,
            fields.number("beta_start", 0.0001)?,
            fields.number("beta_end", 0.02)?,
            fields.count("num_train_timesteps", Some(1000))?,
            fields.choice("prediction_type", "epsilon", &predictions)?,
        )
        .map_err(|error| error.in_file(fields.path()))
    }

    /// Number of time steps.
    pub fn steps(&self) -> usize {
        self.alphas_cumprod.len()
    }

    /// What is left of the latents' variance at each time step.
    pub fn alphas_cumprod(&self) -> &[f64] {
        &self.alphas_cumprod
    }

    /// Latents with noise: `sqrt(a_t) latents + sqrt(1 - a_t) noise`.
    ///
    /// # Shapes
    /// - `latents`, `noise`: `[batch, channels, height, width]`; `times`: one per image, or one for all
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] for another number of times, or a time that the schedule does not have.
    pub fn add_noise<B: Backend>(
        &self,
        latents: Tensor<B, 4>,
        noise: Tensor<B, 4>,
        times: &[usize],
    ) -> Result<Tensor<B, 4>, DiffusionError> {
        let [signal, deviation] = self.factors(&latents, &noise, times)?;
        Ok(latents * signal + noise * deviation)
    }

    /// What the U-Net is trained to predict: the noise, or the velocity.
    ///
    /// # Errors
    /// As [`NoiseSchedule::add_noise`].
    pub fn target<B: Backend>(
        &self,
        latents: Tensor<B, 4>,
        noise: Tensor<B, 4>,
        times: &[usize],
    ) -> Result<Tensor<B, 4>, DiffusionError> {
        let [signal, deviation] = self.factors(&latents, &noise, times)?;
        Ok(match self.prediction {
            Prediction::Epsilon => noise,
            Prediction::Velocity => noise * signal - latents * deviation,
        })
    }

    /// `sqrt(a_t)` and `sqrt(1 - a_t)`, `[times, 1, 1, 1]`.
    fn factors<B: Backend>(
        &self,
        latents: &Tensor<B, 4>,
        noise: &Tensor<B, 4>,
        times: &[usize],
    ) -> Result<[Tensor<B, 4>; 2], DiffusionError> {
        let batch = latents.dims()[0];
        if noise.dims() != latents.dims() {
            return Err(DiffusionError::argument(
                "the shape of the noise",
                format!("{:?}", noise.dims()),
                format!("that of the latents, {:?}", latents.dims()),
            ));
        }
        if times.len() != 1 && times.len() != batch {
            return Err(DiffusionError::argument(
                "the number of time steps",
                times.len(),
                format!("{batch}, one per image, or one for all"),
            ));
        }
        for time in times {
            self.check_time(*time)?;
        }
        let options = (&latents.device(), latents.dtype());
        let column = |factor: fn(f64) -> f64| {
            let values: Vec<f32> = times
                .iter()
                .map(|time| factor(self.alphas_cumprod[*time]).sqrt() as f32)
                .collect();
            Tensor::from_data(TensorData::new(values, [times.len(), 1, 1, 1]), options)
        };
        Ok([column(|left| left), column(|left| 1.0 - left)])
    }

    /// Refuses time steps that the schedule does not have.
    pub(crate) fn check_time(&self, time: usize) -> Result<(), DiffusionError> {
        if time < self.steps() {
            return Ok(());
        }
        Err(DiffusionError::argument(
            "the time step",
            time,
            format!("0 to {}", self.steps() - 1),
        ))
    }
}
