//! SLR on the patch embedding (Scheibenreif et al. 2024): `y = (proj(x) + up(down(x))) * s` with two small convolutions whose
//! strides are their sizes, so that together they take one patch to one token.
//!
//! Like the patch embedding itself they are held as linear maps: `down` sees the `k x k` subpatches of a patch of `k² x k²`
//! pixels, `up` sees the `k x k` results. The published code has k = 4 for patches of 16 pixels; here k is the square root of
//! the patch size.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{SeededInit, VitConfig, apply_linear};

use super::slr::{SlrConfig, SlrPatchInit};
use crate::config::invalid;
use crate::draw::{linear_of, ones, torch_default};
use crate::error::PeftError;
use crate::merge::{Merged, columns_times};
use crate::peft_format::slot::Slot;

/// The update of the patch embedding.
#[derive(Module, Debug)]
pub struct SlrPatch<B: Backend> {
    /// The first convolution: weight `[channels * k * k, rank]`, inputs in the order (channel, row, column).
    pub down: Linear<B>,
    /// The second convolution: weight `[rank * k * k, dim]`, inputs in the order (rank, row, column).
    pub up: Linear<B>,
    /// The scale, `[dim]`: one at the start.
    pub output: Param<Tensor<B, 1>>,
    /// `k`, size and stride of both convolutions.
    pub kernel: usize,
    /// Number of image channels.
    pub in_channels: usize,
}

/// Size and stride of both convolutions.
///
/// # Errors
/// [`PeftError::InvalidConfig`] when the patch size is no square number, or there are several patch embeddings.
pub(crate) fn patch_kernel(config: &VitConfig) -> Result<usize, PeftError> {
    if config.channel_groups.is_some() || config.frames.is_some() {
        return Err(invalid(
            "patch_embed",
            true,
            "false for a backbone that embeds its channels group by group or frame by frame",
        ));
    }
    let kernel = config.patch_size.isqrt();
    if kernel * kernel == config.patch_size {
        return Ok(kernel);
    }
    Err(invalid(
        "patch_embed",
        format!("true on patches of {} pixels", config.patch_size),
        "false, or patches whose side is a square number (4, 9, 16, 25), which two equal convolutions can reduce to a token",
    ))
}

impl<B: Backend> SlrPatch<B> {
    /// Drawn as PyTorch draws convolutions; `up` zero if the configuration says so.
    pub(crate) fn init(
        slr: &SlrConfig,
        config: &VitConfig,
        source: &SeededInit,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        let kernel = patch_kernel(config)?;
        let draw = |name: &str, inputs: usize, outputs: usize| {
            let name = format!("patch_embed.proj.slr_{name}");
            let rule = torch_default(inputs);
            let bias = source.draw(&format!("{name}.bias"), outputs, rule);
            (source.draw(&name, inputs * outputs, rule), Some(bias))
        };
        let inputs = config.in_channels * kernel * kernel;
        let (weight, bias) = draw("down", inputs, slr.rank);
        let down = linear_of([inputs, slr.rank], weight, bias, device);
        let inputs = slr.rank * kernel * kernel;
        let (weight, bias) = match slr.patch_init {
            SlrPatchInit::Published => draw("up", inputs, config.dim),
            SlrPatchInit::Zero => (vec![0.0; inputs * config.dim], Some(vec![0.0; config.dim])),
        };
        Ok(Self {
            down,
            up: linear_of([inputs, config.dim], weight, bias, device),
            output: ones(config.dim, device),
            kernel,
            in_channels: config.in_channels,
        })
    }

    /// `[batch, patches, channels * k⁴]` in the order (channel, row, column) to tokens `[batch, patches, dim]`.
    pub(crate) fn forward(&self, base: &Linear<B>, pixels: Tensor<B, 3>) -> Tensor<B, 3> {
        let update = self.update(pixels.clone(), &self.down, &self.up);
        (apply_linear(base, pixels) + update) * self.output.val().unsqueeze()
    }

    /// Both convolutions.
    fn update(&self, pixels: Tensor<B, 3>, down: &Linear<B>, up: &Linear<B>) -> Tensor<B, 3> {
        let [batch, patches, _] = pixels.dims();
        let (k, channels) = (self.kernel, self.in_channels);
        let sub = pixels
            .reshape([batch * patches, channels, k, k, k, k])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch * patches, k * k, channels * k * k]);
        let low = apply_linear(down, sub);
        let rank = low.dims()[2];
        let low = low.swap_dims(1, 2).reshape([batch, patches, rank * k * k]);
        apply_linear(up, low)
    }

    pub(crate) fn slots(&mut self) -> Vec<Slot<'_, B>> {
        let (k, name) = (self.kernel, "patch_embed.proj");
        let [_, rank] = self.down.weight.dims();
        let [_, dim] = self.up.weight.dims();
        let shapes = [
            vec![rank, self.in_channels, k, k],
            vec![rank],
            vec![dim, rank, k, k],
            vec![dim],
        ];
        let mut slots = Slot::linear(&format!("{name}.slr_down"), &mut self.down);
        slots.extend(Slot::linear(&format!("{name}.slr_up"), &mut self.up));
        slots = slots
            .into_iter()
            .zip(shapes)
            .map(|(slot, shape)| slot.shaped(shape))
            .collect();
        slots.push(Slot::vector(format!("{name}.slr_out"), &mut self.output));
        slots
    }

    /// Both convolutions are linear: their response to single pixels is the update of the weight, that to a black patch the
    /// update of the bias.
    pub(crate) fn merge_into(&self, merged: &mut Merged<B>) -> Result<(), PeftError> {
        let [down, up] = [&self.down, &self.up].map(|linear| Linear {
            weight: linear.weight.clone(),
            bias: None,
        });
        let inputs = self.in_channels * self.kernel.pow(4);
        let device = self.output.val().device();
        let single = Tensor::<B, 2>::eye(inputs, &device).unsqueeze();
        let weight = self.update(single, &down, &up).squeeze_dim::<2>(0);
        let black = Tensor::zeros([1, 1, inputs], &device);
        let bias = self.update(black, &self.down, &self.up).reshape([-1]);
        let output = self.output.val();
        merged.patch_embed(
            |base| columns_times(base + weight, output.clone()),
            |base| base.map_or(bias.clone(), |base| base + bias) * output.clone(),
        )
    }
}
