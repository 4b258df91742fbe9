//! Merging: writing an adapter into a copy of the base, which then needs no adapter to give the same outputs.

use burn::module::Param;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};
use vit_backbone::{Seam, Vit};

use crate::adapter::PeftAdapter;
use crate::error::PeftError;
use crate::methods::{BiasSite, BitFit, Lora, NormTuning};
use crate::params::{frozen_copy, require_finite};

impl<B: Backend> PeftAdapter<B> {
    /// A copy of `base` that computes what `base` with this adapter computes in inference.
    ///
    /// Sums are made in f32 and rounded once to the base's own type. Parameters of the result are frozen; the base and the
    /// adapter stay as they are.
    ///
    /// # Errors
    /// [`PeftError::NotFinite`] if the adapter, or the result, holds NaN or infinities.
    pub fn merge(&self, base: &Vit<B>) -> Result<Vit<B>, PeftError> {
        require_finite::<B, _>(self, "the adapter")?;
        let mut merged = frozen_copy::<B, _>(base);
        match self {
            Self::Frozen(_) => {}
            Self::Full(full) => merged = frozen_copy::<B, _>(&full.vit),
            Self::Scratch(scratch) => merged = frozen_copy::<B, _>(&scratch.full.vit),
            Self::NormTuning(norms) => merge_norms(norms, &mut merged),
            Self::BitFit(biases) => merge_biases(biases, &mut merged),
            Self::Lora(lora) => merge_lora(lora, &mut merged)?,
        }
        Ok(merged)
    }

    /// The largest difference between the tokens that `base` with this adapter and `merged` give for `image`
    /// `[batch, channels, height, width]`. Call it on a backend that does not differentiate, where dropout is off.
    pub fn merge_difference(&self, base: &Vit<B>, merged: &Vit<B>, image: Tensor<B, 4>) -> f32 {
        output_difference((base, self), (merged, &()), image)
    }
}

/// The largest difference between the tokens that two backbones, each with its adapter, give for `image`; NaN if there is one.
pub fn output_difference<B: Backend, S: Seam<B>, T: Seam<B>>(
    (first, first_seam): (&Vit<B>, &S),
    (second, second_seam): (&Vit<B>, &T),
    image: Tensor<B, 4>,
) -> f32 {
    let difference = first.forward(image.clone(), first_seam) - second.forward(image, second_seam);
    let data = difference.into_data();
    // `f32::max` would drop a NaN, which is the one difference that must not go unseen.
    data.iter::<f32>()
        .map(f32::abs)
        .fold(0.0, |a, b| if b.is_nan() || b > a { b } else { a })
}

fn merge_norms<B: Backend>(norms: &NormTuning<B>, merged: &mut Vit<B>) {
    for (site, norm) in norms.sites.iter().zip(&norms.norms) {
        if let Some(place) = merged.norm_layer_mut(*site) {
            *place = frozen_copy::<B, _>(norm);
        }
    }
}

fn merge_biases<B: Backend>(biases: &BitFit<B>, merged: &mut Vit<B>) {
    for own in &biases.biases {
        let bias = Some(frozen(own.bias.val()));
        match own.site {
            BiasSite::PatchEmbed => merged.embed.proj.bias = bias,
            BiasSite::Linear(site) => merged.linear_mut(site).bias = bias,
            BiasSite::Norm(site) => {
                if let Some(norm) = merged.norm_layer_mut(site) {
                    norm.beta = bias;
                }
            }
        }
    }
}

fn merge_lora<B: Backend>(lora: &Lora<B>, merged: &mut Vit<B>) -> Result<(), PeftError> {
    for site in merged.linear_sites() {
        let Some([down, up]) = lora.factors(site) else {
            continue;
        };
        let linear = merged.linear_mut(site);
        let weight = linear.weight.val().detach();
        let dtype = weight.dtype();
        let update = in_f32(down.detach()).matmul(in_f32(up.detach()));
        let sum = in_f32(weight) + update;
        let sum = if dtype == DType::F32 {
            sum
        } else {
            sum.cast(FloatDType::from(dtype))
        };
        let count = sum
            .clone()
            .is_finite()
            .bool_not()
            .int()
            .sum()
            .into_data()
            .iter::<i64>()
            .sum::<i64>();
        if count > 0 {
            return Err(PeftError::NotFinite {
                what: format!("{site}.weight after merging"),
                count: count as usize,
            });
        }
        linear.weight = frozen(sum);
    }
    Ok(())
}

/// The tensor in f32; a tensor that already is stays what it is.
fn in_f32<B: Backend>(tensor: Tensor<B, 2>) -> Tensor<B, 2> {
    if tensor.dtype() == DType::F32 {
        tensor
    } else {
        tensor.cast(FloatDType::F32)
    }
}

/// A frozen parameter with these values.
fn frozen<B: Backend, const D: usize>(values: Tensor<B, D>) -> Param<Tensor<B, D>> {
    Param::initialized(
        burn::module::ParamId::new(),
        values.detach().set_require_grad(false),
    )
}
