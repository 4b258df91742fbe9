//! DoRA (Liu et al., DoRA: Weight-Decomposed Low-Rank Adaptation, ICML 2024): a LoRA whose columns are brought to trained
//! lengths.
//!
//! With `V = W + s A B` of a LoRA and a magnitude `m` per output, a linear map `y = x W + b` becomes
//!
//! ```text
//!     y = x (m * V / |V|) + b,     |V| the length of each column, m = |W| at the start        (equation 5)
//! ```
//!
//! `|V|` follows the training, but counts as a constant in the gradient (section 4.3). It is computed from the factors,
//! `|V|² = |W|² + 2 s (Aᵀ W) · B + s² (Aᵀ A B) · B` column by column: no matrix of the size of `W` beside `W` itself.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{
    LayerNorm, LinearSite, NormSite, Seam, TokenEmbed, Vit, VitConfig, apply_linear,
};

use super::Lora;
use crate::error::PeftError;
use crate::lora_config::LoraConfig;
use crate::merge::{Merged, columns_times, in_f32};
use crate::params::trainable;
use crate::targets::resolve_whole;

/// Weight-decomposed low-rank updates of chosen linear maps.
#[derive(Module, Debug)]
pub struct Dora<B: Backend> {
    /// `A`, `B`, scales, dropout and biases.
    pub lora: Lora<B>,
    /// `m`, `[outputs]`, of each of the LoRA's maps.
    pub magnitudes: Vec<Param<Tensor<B, 1>>>,
    /// Whether the gradient takes `|V|` for a constant, as published. Without it, gradients are those of the formula.
    pub detach_norm: bool,
}

/// Checks what a DoRA asks beyond a LoRA: its maps are whole, because a column's length is one of the whole fused map's.
pub(crate) fn check_targets(lora: &LoraConfig, config: &VitConfig) -> Result<(), PeftError> {
    resolve_whole("targets", &lora.targets, config).map(drop)
}

impl<B: Backend> Dora<B> {
    /// A LoRA as [`Lora::init`] draws it, and magnitudes that leave the base as it is.
    ///
    /// # Errors
    /// What [`crate::plan`] reports; [`PeftError::InvalidConfig`] for parts of a fused map.
    pub fn init(
        dora: &LoraConfig,
        base: &Vit<B>,
        config: &VitConfig,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        check_targets(dora, config)?;
        Ok(Self::around(
            Lora::init(dora, base, config, seed, device)?,
            base,
        ))
    }

    /// A DoRA of the LoRA as it is: `m = |V|`.
    pub(crate) fn around(lora: Lora<B>, base: &Vit<B>) -> Self {
        let lengths = lora.maps.iter().map(|map| {
            let weight = base.linear(map.plan.target.site).weight.val();
            let up = map.up.val() * map.plan.scale;
            trainable(column_lengths(weight, map.down.val(), up))
        });
        Self {
            magnitudes: lengths.collect(),
            lora,
            detach_norm: true,
        }
    }

    pub(crate) fn merge_into(&self, merged: &mut Merged<B>) -> Result<(), PeftError> {
        for (map, magnitude) in self.lora.maps.iter().zip(&self.magnitudes) {
            let [down, up] = [map.down.val(), map.up.val() * map.plan.scale].map(in_f32);
            merged.weight(map.plan.target.site, |weight| {
                let scale =
                    magnitude.val() / column_lengths(weight.clone(), down.clone(), up.clone());
                columns_times(weight + down.matmul(up), scale)
            })?;
        }
        self.lora.biases.merge_into(merged);
        Ok(())
    }
}

/// Lengths of the columns of `weight + down up`, `[outputs]`; above 0, so that a column of zeros divides nothing by zero.
fn column_lengths<B: Backend>(
    weight: Tensor<B, 2>,
    down: Tensor<B, 2>,
    up: Tensor<B, 2>,
) -> Tensor<B, 1> {
    let over_rows = |matrix: Tensor<B, 2>| matrix.sum_dim(0).squeeze_dim::<1>(0);
    let transposed = down.clone().transpose();
    let cross = transposed.clone().matmul(weight.clone()) * up.clone() * 2.0;
    let own = transposed.matmul(down).matmul(up.clone()) * up;
    let square = over_rows(weight.clone() * weight) + over_rows(cross + own);
    square.clamp_min(1e-24).sqrt()
}

impl<B: Backend> Seam<B> for Dora<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        self.lora.embed(base, image)
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let mut pairs = self.lora.maps.iter().zip(&self.magnitudes);
        let Some((map, magnitude)) = pairs.find(|(map, _)| map.plan.target.site == site) else {
            return self.lora.linear(site, base, x);
        };
        let base = self.lora.biases.with_own(site, base);
        let (weight, down) = (base.weight.val(), map.down.val());
        let up = map.up.val() * map.plan.scale;
        let length = column_lengths(weight.clone(), down.clone(), up.clone());
        let length = if self.detach_norm {
            length.detach()
        } else {
            length
        };
        let scale = (magnitude.val() / length).unsqueeze::<3>();
        let plain = apply_linear(&base, x.clone());
        // Only the adapted part sees dropped inputs; without dropout x W is at hand already.
        let (dropped, product) = if self.lora.dropout.prob > 0.0 {
            let dropped = self.lora.dropout.forward(x);
            let product = fused_ops::linear(dropped.clone(), weight, None);
            (dropped, product)
        } else {
            let product = match &base.bias {
                Some(bias) => plain.clone() - bias.val().unsqueeze(),
                None => plain.clone(),
            };
            (x, product)
        };
        let low = fused_ops::linear(fused_ops::linear(dropped, down, None), up, None);
        plain + product * (scale.clone() - 1.0) + low * scale
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.lora.norm(site, base, x)
    }
}
