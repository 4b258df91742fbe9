//! Merging: writing an adapter into a copy of the base, which then needs no adapter to give the same outputs.

use burn::module::{Param, ParamId};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};
use vit_backbone::{LinearSite, Seam, Vit};

use crate::adapter::PeftAdapter;
use crate::error::PeftError;
use crate::params::{frozen_copy, require_finite};

impl<B: Backend> PeftAdapter<B> {
    /// A copy of `base` that computes what `base` with this adapter computes in inference.
    ///
    /// Sums are made in f32 and rounded once to the base's own type. Parameters of the result are frozen; the base and the
    /// adapter stay as they are.
    ///
    /// # Errors
    /// [`PeftError::NotFinite`] if the adapter, or the result, holds NaN or infinities; [`PeftError::NotMergeable`] for methods
    /// whose effect no weights of the base can have.
    pub fn merge(&self, base: &Vit<B>) -> Result<Vit<B>, PeftError> {
        require_finite::<B, _>(self, "the adapter")?;
        let mut merged = Merged {
            vit: frozen_copy::<B, _>(base),
        };
        match self {
            Self::Frozen(_) => {}
            Self::Full(full) => merged.vit = frozen_copy::<B, _>(&full.vit),
            Self::Scratch(scratch) => merged.vit = frozen_copy::<B, _>(&scratch.full.vit),
            Self::NormTuning(norms) => norms.merge_into(&mut merged),
            Self::BitFit(biases) => biases.merge_into(&mut merged),
            Self::Lora(lora) => lora.merge_into(&mut merged)?,
            Self::Dora(dora) => dora.merge_into(&mut merged)?,
            Self::Ia3(ia3) => ia3.merge_into(&mut merged)?,
            Self::Slr(slr) => slr.merge_into(&mut merged)?,
            Self::Houlsby(_) | Self::AdaptFormer(_) => {
                return Err(PeftError::NotMergeable {
                    method: self.method_name(),
                    why: "its bottleneck is not linear",
                });
            }
            Self::Vpt(_) => {
                return Err(PeftError::NotMergeable {
                    method: self.method_name(),
                    why: "its prompts are tokens that the base does not have",
                });
            }
        }
        Ok(merged.vit)
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

/// The copy of the base that is being written to.
pub(crate) struct Merged<B: Backend> {
    pub(crate) vit: Vit<B>,
}

impl<B: Backend> Merged<B> {
    /// Changes the weight `[inputs, outputs]` of a linear map: in f32, rounded once to the type it has.
    ///
    /// # Errors
    /// [`PeftError::NotFinite`] if the result holds NaN or infinities.
    pub(crate) fn weight(
        &mut self,
        site: LinearSite,
        change: impl FnOnce(Tensor<B, 2>) -> Tensor<B, 2>,
    ) -> Result<(), PeftError> {
        let linear = self.vit.linear_mut(site);
        linear.weight = changed(&linear.weight, &format!("{site}.weight"), change)?;
        Ok(())
    }

    /// Changes the bias `[outputs]` of a linear map, which need not have one before or after.
    ///
    /// # Errors
    /// [`PeftError::NotFinite`] if the result holds NaN or infinities.
    pub(crate) fn bias(
        &mut self,
        site: LinearSite,
        change: impl FnOnce(Option<Tensor<B, 1>>) -> Option<Tensor<B, 1>>,
    ) -> Result<(), PeftError> {
        let linear = self.vit.linear_mut(site);
        let name = format!("{site}.bias");
        let dtype = linear.weight.val().dtype();
        let old = linear.bias.as_ref().map(|bias| in_f32(bias.val().detach()));
        linear.bias = match change(old) {
            None => None,
            Some(bias) => Some(frozen(rounded(bias.detach(), dtype, &name)?)),
        };
        Ok(())
    }

    /// Changes weight `[channels * patch * patch, dim]` and bias `[dim]` of the patch embedding.
    ///
    /// # Errors
    /// [`PeftError::NotFinite`] if the result holds NaN or infinities.
    pub(crate) fn patch_embed(
        &mut self,
        weight: impl FnOnce(Tensor<B, 2>) -> Tensor<B, 2>,
        bias: impl FnOnce(Option<Tensor<B, 1>>) -> Tensor<B, 1>,
    ) -> Result<(), PeftError> {
        let proj = &mut self.vit.embed.proj;
        let dtype = proj.weight.val().dtype();
        proj.weight = changed(&proj.weight, "patch_embed.proj.weight", weight)?;
        let old = proj.bias.as_ref().map(|bias| in_f32(bias.val().detach()));
        let new = rounded(bias(old).detach(), dtype, "patch_embed.proj.bias")?;
        proj.bias = Some(frozen(new));
        Ok(())
    }
}

fn changed<B: Backend, const D: usize>(
    param: &Param<Tensor<B, D>>,
    name: &str,
    change: impl FnOnce(Tensor<B, D>) -> Tensor<B, D>,
) -> Result<Param<Tensor<B, D>>, PeftError> {
    let old = param.val().detach();
    let dtype = old.dtype();
    let new = change(in_f32(old)).detach();
    Ok(frozen(rounded(new, dtype, name)?))
}

/// The values in the type that the base has, if all of them are finite there.
fn rounded<B: Backend, const D: usize>(
    values: Tensor<B, D>,
    dtype: DType,
    name: &str,
) -> Result<Tensor<B, D>, PeftError> {
    let values = if values.dtype() == dtype {
        values
    } else {
        values.cast(FloatDType::from(dtype))
    };
    let infinite = values.clone().is_finite().bool_not().int().sum();
    let count: i64 = infinite.into_data().iter::<i64>().sum();
    if count > 0 {
        return Err(PeftError::NotFinite {
            what: format!("{name} after merging"),
            count: count as usize,
        });
    }
    Ok(values)
}

/// The tensor in f32; a tensor that already is stays what it is.
pub(crate) fn in_f32<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Tensor<B, D> {
    if tensor.dtype() == DType::F32 {
        tensor
    } else {
        tensor.cast(FloatDType::F32)
    }
}

/// A frozen parameter with these values.
pub(crate) fn frozen<B: Backend, const D: usize>(values: Tensor<B, D>) -> Param<Tensor<B, D>> {
    Param::initialized(ParamId::new(), values.detach().set_require_grad(false))
}

/// Every row of `[inputs, outputs]` times its number in `scale`, `[inputs]`: a scale of the inputs.
pub(crate) fn rows_times<B: Backend>(weight: Tensor<B, 2>, scale: Tensor<B, 1>) -> Tensor<B, 2> {
    weight * scale.unsqueeze_dim(1)
}

/// Every column of `[inputs, outputs]` times its number in `scale`, `[outputs]`: a scale of the outputs.
pub(crate) fn columns_times<B: Backend>(weight: Tensor<B, 2>, scale: Tensor<B, 1>) -> Tensor<B, 2> {
    weight * scale.unsqueeze_dim(0)
}
