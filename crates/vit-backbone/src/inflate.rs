//! Fitting a pretrained patch embedding to another number of channels: one explicit choice, never a silent one.

use burn::module::Param;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::{BackboneError, InitRule, SeededInit, Vit};

/// How channels that the pretrained patch embedding does not know get their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchEmbedInit {
    /// No new channels: the input has those the model was trained on.
    Select,
    /// New channels are drawn from a normal distribution, cut at two deviations, with the standard deviation of the pretrained weights.
    Random,
    /// Channel c takes the weights of pretrained channel c modulo their number, all scaled by (old / new), as timm does.
    Repeat,
    /// New channels take the mean over the pretrained ones; all are scaled by (old / new).
    Mean,
    /// New channels start at zero, so that the start is the pretrained model on its own channels.
    Zero,
}

impl<B: Backend> Vit<B> {
    /// The same model for images of `channels` channels, of which the first `known` are those of the pretrained model, in its
    /// order. The bias is kept.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when `known` exceeds either number of channels, or [`PatchEmbedInit::Select`] meets other channels.
    pub fn with_channels(
        mut self,
        channels: usize,
        known: usize,
        init: PatchEmbedInit,
        seed: u64,
    ) -> Result<Self, BackboneError> {
        let old = self.embed.in_channels;
        let fail = |field, found: String, expected: String| {
            Err(BackboneError::Config {
                field,
                found,
                expected,
            })
        };
        if self.embed.groups.is_some() || self.embed.frames.is_some() {
            return fail(
                "channel_groups",
                "a model that embeds its channels group by group, or frame by frame".into(),
                "a model with one patch embedding".into(),
            );
        }
        if channels == 0 || channels > 1 << 12 {
            return fail(
                "in_channels",
                channels.to_string(),
                "1 to 4096 channels".into(),
            );
        }
        if known > old || known > channels {
            return fail(
                "known",
                known.to_string(),
                format!("at most {old} pretrained and {channels} new channels"),
            );
        }
        if init == PatchEmbedInit::Select {
            if channels != old || known != old {
                return fail(
                    "in_channels",
                    channels.to_string(),
                    format!("the model's {old} channels, or another way to fit them"),
                );
            }
            return Ok(self);
        }
        let [_, dim] = self.embed.proj.weight.dims();
        let area = self.embed.patch_size * self.embed.patch_size;
        let device = self.embed.proj.weight.device();
        let weights = self.embed.proj.weight.val().into_data().convert::<f32>();
        let weights = weights
            .to_vec::<f32>()
            .map_err(|error| BackboneError::Config {
                field: "patch_embed.proj.weight",
                found: format!("{error:?}"),
                expected: "values that convert to f32".into(),
            })?;
        let block = area * dim;
        let mut values = Vec::with_capacity(channels * block);
        let std = standard_deviation(&weights) as f32;
        let source = SeededInit::new(seed);
        for channel in 0..channels {
            let pretrained = |c: usize| &weights[c * block..(c + 1) * block];
            match init {
                PatchEmbedInit::Repeat => values.extend_from_slice(pretrained(channel % old)),
                _ if channel < known => values.extend_from_slice(pretrained(channel)),
                PatchEmbedInit::Mean => {
                    values.extend((0..block).map(|i| {
                        (0..old).map(|c| weights[c * block + i]).sum::<f32>() / old as f32
                    }));
                }
                PatchEmbedInit::Random => {
                    let name = format!("patch_embed.proj.weight[{channel}]");
                    values.extend(source.draw(&name, block, InitRule::TruncatedNormal { std }));
                }
                PatchEmbedInit::Select | PatchEmbedInit::Zero => {
                    values.extend(std::iter::repeat_n(0.0, block))
                }
            }
        }
        if matches!(init, PatchEmbedInit::Repeat | PatchEmbedInit::Mean) {
            let scale = old as f32 / channels as f32;
            values.iter_mut().for_each(|v| *v *= scale);
        }
        let data = TensorData::new(values, [channels * area, dim]);
        let dtype = self.embed.proj.weight.val().dtype();
        let tensor = Tensor::from_data(data, (&device, dtype));
        self.embed.proj.weight = Param::from_tensor(tensor);
        self.embed.in_channels = channels;
        Ok(self)
    }
}

fn standard_deviation(values: &[f32]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    (values
        .iter()
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>()
        / n)
        .sqrt()
}
