//! Untangled attention (uAtt): queries, keys and values of the spectral stream `a` beside the frozen ones of the tokens `z`.
//!
//! `q = z W_Q + a A_Q B_Q`, keys and values likewise, with `A` of rank `r` drawn at random and `B` zero at the start. The logits
//! are the sum of four products, RGB-RGB, RGB-spectral, spectral-RGB and spectral-spectral, under one softmax:
//! `q_P k_P + q_P k_A + q_A k_P + q_A k_A = (q_P + q_A)(k_P + k_A)`; so the sums go through the pretrained attention (equation 1
//! of the paper, per head).

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use peft_lora::trainable;
use vit_backbone::{Attention, InitRule, SeededInit, VitConfig};

use crate::config::{AttentionConfig, Part, ScoreScale, StreamNorm};

/// The new maps of one block.
#[derive(Module, Debug)]
pub struct UntangledAttention<B: Backend> {
    /// `A`, `[dim, rank]`: one for each part, or a single one that they share.
    pub down: Vec<Param<Tensor<B, 2>>>,
    /// `B`, `[rank, dim]`, one for each part: zero at the start.
    pub up: Vec<Param<Tensor<B, 2>>>,
    /// Number of the block, from 0.
    pub block: usize,
    #[module(skip)]
    config: AttentionConfig,
}

impl<B: Backend> UntangledAttention<B> {
    /// Draws the down-projections of a block, uniform in plus and minus one over the square root of the width.
    pub(crate) fn init(
        config: &AttentionConfig,
        block: usize,
        vit: &VitConfig,
        source: &SeededInit,
        device: &B::Device,
    ) -> Self {
        let (dim, rank) = (vit.dim, config.rank);
        let bound = (dim as f64).powf(-0.5) as f32;
        let down = |name: &str| {
            let name = format!("blocks.{block}.attn.spectral.{name}.down");
            let values = source.draw(&name, dim * rank, InitRule::Uniform { bound });
            trainable(Tensor::from_data(
                TensorData::new(values, [dim, rank]),
                device,
            ))
        };
        let names = config.parts.iter().map(|part| match part {
            Part::Q => "q",
            Part::K => "k",
            Part::V => "v",
        });
        let down = if config.shared_down {
            vec![down("shared")]
        } else {
            names.map(down).collect()
        };
        let zeros = || trainable(Tensor::zeros([rank, dim], device));
        Self {
            down,
            up: config.parts.iter().map(|_| zeros()).collect(),
            block,
            config: config.clone(),
        }
    }

    /// Queries, keys and values of the spectral stream, zero for parts that it lacks.
    ///
    /// # Shapes
    /// - `stream`: `[batch, tokens, dim]`
    /// - result: `[batch, tokens, 3 dim]`, ordered as the fused map of the backbone
    pub fn spectral(&self, stream: Tensor<B, 3>) -> Tensor<B, 3> {
        let [batch, tokens, dim] = stream.dims();
        let device = stream.device();
        let stream = match self.config.stream_norm {
            StreamNorm::None => stream,
            StreamNorm::Unit => {
                fused_ops::layer_norm(stream, Tensor::ones([dim], &device), None, 1e-6)
            }
        };
        let down = self.down.iter().map(|down| down.val()).collect();
        let low = fused_ops::linear(stream, Tensor::cat(down, 1), None);
        let rank = self.config.rank;
        let parts = [Part::Q, Part::K, Part::V].map(|part| {
            let Ok(place) = self.config.parts.binary_search(&part) else {
                return Tensor::zeros([batch, tokens, dim], &device);
            };
            let start = if self.config.shared_down {
                0
            } else {
                place * rank
            };
            fused_ops::linear(
                low.clone().narrow(2, start, rank),
                self.up[place].val(),
                None,
            )
        });
        Tensor::cat(parts.into(), 2)
    }

    /// Softmax attention over sums of queries, keys and values: `[batch, tokens, 3 dim]` to `[batch, tokens, dim]`.
    pub(crate) fn product(&self, qkv: Tensor<B, 3>, heads: usize) -> Tensor<B, 3> {
        let qkv = match self.config.scale {
            ScoreScale::Head => qkv,
            ScoreScale::TwoHeads => {
                // 1/sqrt(2 h) = 1/sqrt(h) with queries shorter by sqrt(2).
                let width = qkv.dims()[2];
                let queries = qkv.clone().narrow(2, 0, width / 3);
                let rest = qkv.narrow(2, width / 3, 2 * width / 3);
                let queries = queries.mul_scalar(std::f64::consts::FRAC_1_SQRT_2);
                Tensor::cat(vec![queries, rest], 2)
            }
        };
        fused_ops::attention(qkv, heads)
    }

    /// The part of the displacement that comes from spectral values: the same softmax, the values `v_A` alone, the frozen output
    /// map without its bias. `sums`, `spectral`: `[batch, tokens, 3 dim]`.
    pub(crate) fn spectral_part(
        &self,
        base: &Attention<B>,
        sums: Tensor<B, 3>,
        spectral: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        let dim = sums.dims()[2] / 3;
        let values = spectral.narrow(2, 2 * dim, dim);
        let qkv = Tensor::cat(vec![sums.narrow(2, 0, 2 * dim), values], 2);
        fused_ops::linear(self.product(qkv, base.heads), base.proj.weight.val(), None)
    }
}
