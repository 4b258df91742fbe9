//! Batch normalisation of maps, with PyTorch's running statistics.

use burn::module::{Module, Param, RunningState};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// Batch normalisation (Ioffe and Szegedy 2015) per channel of `[batch, channels, height, width]`.
///
/// With a differentiating backend the statistics are those of the batch, and the running ones follow; on the inner backend (what
/// `valid` gives) the running ones are used. burn's module of the same name keeps the biased variance and shows its last update
/// only at the next pass; PyTorch, and this one, keep the unbiased variance, at once.
///
/// A channel with a single value, as a pooled map of one image has, cannot be normalised by itself: it gives `beta` and leaves the
/// running statistics as they are, where PyTorch stops with an error.
#[derive(Module, Debug)]
pub struct BatchNorm<B: Backend> {
    /// Scale per channel.
    pub gamma: Param<Tensor<B, 1>>,
    /// Shift per channel.
    pub beta: Param<Tensor<B, 1>>,
    /// Running mean per channel.
    pub running_mean: RunningState<Tensor<B, 1>>,
    /// Running unbiased variance per channel.
    pub running_var: RunningState<Tensor<B, 1>>,
}

/// Added to the variance.
const EPSILON: f64 = 1e-5;
/// Weight of a batch in the running statistics.
const MOMENTUM: f64 = 0.1;

impl<B: Backend> BatchNorm<B> {
    /// Scale and running variance 1, shift and running mean 0.
    pub fn new(channels: usize, device: &B::Device) -> Self {
        let (ones, zeros) = (
            || Tensor::ones([channels], device),
            || Tensor::zeros([channels], device),
        );
        Self {
            gamma: Param::from_tensor(ones()),
            beta: Param::from_tensor(zeros()),
            running_mean: RunningState::new(zeros()),
            running_var: RunningState::new(ones()),
        }
    }

    /// Normalised maps of the same shape, `[batch, channels, height, width]`.
    pub fn forward(&self, maps: Tensor<B, 4>) -> Tensor<B, 4> {
        let [batch, channels, height, width] = maps.dims();
        let per_channel = [1, channels, 1, 1];
        let (mean, variance) = if B::ad_enabled(&maps.device()) {
            let count = batch * height * width;
            let over = |x: Tensor<B, 4>| x.mean_dim(3).mean_dim(2).mean_dim(0);
            let mean = over(maps.clone());
            let variance = over((maps.clone() - mean.clone()).square());
            if count > 1 {
                let unbiased = variance.clone().detach() * (count as f64 / (count - 1) as f64);
                follow(
                    &self.running_mean,
                    mean.clone().detach().reshape([channels]),
                );
                follow(&self.running_var, unbiased.reshape([channels]));
            }
            (mean, variance)
        } else {
            (
                self.running_mean.value().reshape(per_channel),
                self.running_var.value().reshape(per_channel),
            )
        };
        let scale = self.gamma.val().reshape(per_channel) / (variance + EPSILON).sqrt();
        (maps - mean) * scale + self.beta.val().reshape(per_channel)
    }
}

/// Moves a running value towards that of a batch.
fn follow<B: Backend>(state: &RunningState<Tensor<B, 1>>, batch: Tensor<B, 1>) {
    let value = state.value_sync() * (1.0 - MOMENTUM) + batch * MOMENTUM;
    state.update(value.detach());
    // Without this the value that files and copies of the module see would lag one batch behind.
    let _ = state.value_sync();
}
