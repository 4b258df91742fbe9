//! The denoising objective, with which a task LoRA is trained (Ho et al. 2020, equation 14; Rombach et al. 2022, equation 3).

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::{DiffusionError, NoiseSchedule, Unet, UnetSeam};

/// Mean squared error between what the U-Net predicts for noised latents and what was added: `[1]`.
///
/// Gradients reach the seam's parameters; the base is not among them once it is frozen
/// (`no_grad`, as [`StableDiffusion::load`](crate::StableDiffusion::load) leaves it). The loop over steps, and the draws of
/// `noise` and `times`, are the caller's.
///
/// # Shapes
/// - `latents`, `noise`: `[batch, in_channels, height, width]`, latents scaled as [`StableDiffusion::latents`](crate::StableDiffusion::latents) scales them
/// - `times`: one time step per image, or one for all
/// - `context`: `[batch or 1, length, cross_attention_dim]`
///
/// # Errors
/// [`DiffusionError::Argument`] when shapes or times do not fit.
pub fn denoising_loss<B: Backend, S: UnetSeam<B>>(
    unet: &Unet<B>,
    schedule: &NoiseSchedule,
    latents: Tensor<B, 4>,
    noise: Tensor<B, 4>,
    times: &[usize],
    context: Tensor<B, 3>,
    seam: &S,
) -> Result<Tensor<B, 1>, DiffusionError> {
    let noised = schedule.add_noise(latents.clone(), noise.clone(), times)?;
    let target = schedule.target(latents, noise, times)?;
    let predicted = unet.forward(noised, times, context, seam)?;
    if predicted.dims() != target.dims() {
        return Err(DiffusionError::argument(
            "the prediction's shape",
            format!("{:?}", predicted.dims()),
            "that of the latents: a U-Net with as many output as input channels",
        ));
    }
    let error = predicted - target;
    Ok((error.clone() * error).mean())
}
