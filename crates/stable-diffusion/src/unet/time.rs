//! The embedding of time: sines and cosines, then two linear maps (Ho et al. 2020, appendix B).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::silu;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::build::Builder;
use crate::{DiffusionError, UnetConfig};

/// From a time step to a vector that every residual block reads.
#[derive(Module, Debug)]
pub struct TimeEmbedding<B: Backend> {
    /// From the frequencies.
    pub linear_1: Linear<B>,
    /// Behind a SiLU.
    pub linear_2: Linear<B>,
}

impl<B: Backend> TimeEmbedding<B> {
    pub(crate) fn build(
        config: &UnetConfig,
        mut from: Builder<'_, B>,
    ) -> Result<Self, DiffusionError> {
        let (inputs, dim) = (config.block_out_channels[0], config.time_dim());
        Ok(Self {
            linear_1: from.child("linear_1").linear(inputs, dim, true)?,
            linear_2: from.child("linear_2").linear(dim, dim, true)?,
        })
    }

    /// `[times, 4 channels]` for some time steps.
    pub(crate) fn forward(
        &self,
        times: &[usize],
        config: &UnetConfig,
        device: &B::Device,
    ) -> Tensor<B, 2> {
        let width = config.block_out_channels[0];
        let values = times
            .iter()
            .flat_map(|time| frequencies(*time, width, config))
            .collect::<Vec<f32>>();
        let x = Tensor::<B, 2>::from_data(TensorData::new(values, [times.len(), width]), device);
        let x = x.cast(self.linear_1.weight.val().dtype());
        let apply = |linear: &Linear<B>, x| {
            let bias = linear.bias.as_ref().map(|bias| bias.val());
            fused_ops::linear(x, linear.weight.val(), bias)
        };
        apply(&self.linear_2, silu(apply(&self.linear_1, x)))
    }
}

/// `cos(t w_i), sin(t w_i)` with `w_i = 10000^(-i / (width/2 - shift))`, rounded to single precision at every step as diffusers
/// does: an angle of hundreds of turns shows each rounding.
fn frequencies(time: usize, width: usize, config: &UnetConfig) -> Vec<f32> {
    let half = width / 2;
    let scale = -(10_000f64.ln()) as f32;
    let angles = (0..half).map(|i| {
        let exponent = scale * i as f32 / (half as f64 - config.freq_shift) as f32;
        time as f32 * exponent.exp()
    });
    let (sines, cosines): (Vec<f32>, Vec<f32>) = angles.map(f32::sin_cos).unzip();
    let (first, second) = if config.flip_sin_to_cos {
        (cosines, sines)
    } else {
        (sines, cosines)
    };
    [first, second].concat()
}
