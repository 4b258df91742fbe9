//! What each method stores: its arrays by key, and the way back from checked arrays to an adapter.

use burn::module::Param;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::{Vit, VitConfig};

use super::array::HostArray;
use super::fused::{FusedMap, fuse};
use super::vit_names::{Named, host, insert_norm, named_parameters, vit_of};
use crate::adapter::PeftAdapter;
use crate::config::MethodConfig;
use crate::error::PeftError;
use crate::methods::{BitFit, Frozen, Full, NormTuning, Scratch};
use crate::params::{trainable, trainable_copy};

/// PEFT's type for LoRA.
pub(crate) const LORA: &str = "LORA";
/// PEFT's type for norm tuning.
pub(crate) const LN_TUNING: &str = "LN_TUNING";
/// Start of the types that PEFT does not have: `RS_PEFT_FROZEN`, `RS_PEFT_FULL`, `RS_PEFT_SCRATCH`, `RS_PEFT_BITFIT`.
pub(crate) const OWN: &str = "RS_PEFT_";

/// The `peft_type` under which a method is stored.
pub(crate) fn peft_type(method: &MethodConfig) -> String {
    match method {
        MethodConfig::Lora(_) => LORA.into(),
        MethodConfig::NormTuning => LN_TUNING.into(),
        other => format!("{OWN}{}", other.name().to_uppercase()),
    }
}

/// The arrays of an adapter by module path and parameter name, without PEFT's prefix.
pub(crate) fn arrays_of<B: Backend>(adapter: &PeftAdapter<B>) -> Named {
    match adapter {
        PeftAdapter::Frozen(_) => Named::new(),
        PeftAdapter::Full(full) => named_parameters(&full.vit),
        PeftAdapter::Scratch(scratch) => named_parameters(&scratch.full.vit),
        PeftAdapter::NormTuning(tuning) => norm_arrays(tuning),
        PeftAdapter::BitFit(bitfit) => bias_arrays(bitfit),
        PeftAdapter::Lora(lora) => lora_arrays(&fuse(lora)),
    }
}

/// `blocks.0.norm1.ln_tuning_layers.weight` and `.bias`, the names PEFT gives them.
fn norm_arrays<B: Backend>(tuning: &NormTuning<B>) -> Named {
    let mut named = Named::new();
    for (site, norm) in tuning.sites.iter().zip(&tuning.norms) {
        insert_norm(&mut named, &norm_key(site), norm);
    }
    named
}

fn norm_key(site: &vit_backbone::NormSite) -> String {
    format!("{site}.ln_tuning_layers")
}

/// `blocks.0.attn.qkv.bias` and so on.
fn bias_arrays<B: Backend>(bitfit: &BitFit<B>) -> Named {
    bitfit
        .biases
        .iter()
        .map(|own| (format!("{}.bias", own.site), host(own.bias.val())))
        .collect()
}

/// `blocks.0.attn.qkv.lora_A.weight` and `lora_B.weight`.
pub(crate) fn lora_arrays(maps: &[FusedMap]) -> Named {
    let mut named = Named::new();
    for map in maps {
        named.insert(format!("{}.lora_A.weight", map.site), map.a.clone());
        named.insert(format!("{}.lora_B.weight", map.site), map.b.clone());
    }
    named
}

/// The adapter of a method other than LoRA as it starts, whose arrays give the names and shapes to expect in a file.
pub(crate) fn template<B: Backend>(method: &MethodConfig, base: &Vit<B>) -> Option<PeftAdapter<B>> {
    Some(match method {
        MethodConfig::Frozen => PeftAdapter::Frozen(Frozen::new()),
        MethodConfig::Full => PeftAdapter::Full(Full::copy_of(base)),
        // Names and shapes are the base's; the values come from the file.
        MethodConfig::Scratch => PeftAdapter::Scratch(Scratch {
            full: Full::copy_of(base),
        }),
        MethodConfig::NormTuning => PeftAdapter::NormTuning(NormTuning::copy_of(base)),
        MethodConfig::BitFit(bitfit) => PeftAdapter::BitFit(BitFit::copy_of(base, bitfit)),
        MethodConfig::Lora(_) => return None,
    })
}

/// The template with the values of a file, whose names and shapes were checked.
pub(crate) fn filled<B: Backend>(
    template: PeftAdapter<B>,
    mut arrays: Named,
    config: &VitConfig,
    device: &B::Device,
) -> Result<PeftAdapter<B>, PeftError> {
    Ok(match template {
        PeftAdapter::Full(_) => PeftAdapter::Full(full(config, arrays, device)?),
        PeftAdapter::Scratch(_) => PeftAdapter::Scratch(Scratch {
            full: full(config, arrays, device)?,
        }),
        PeftAdapter::NormTuning(mut tuning) => {
            for (site, norm) in tuning.sites.iter().zip(&mut tuning.norms) {
                let key = norm_key(site);
                fill(
                    &mut norm.gamma,
                    arrays.remove(&format!("{key}.weight")),
                    device,
                );
                if let Some(beta) = &mut norm.beta {
                    fill(beta, arrays.remove(&format!("{key}.bias")), device);
                }
            }
            PeftAdapter::NormTuning(tuning)
        }
        PeftAdapter::BitFit(mut bitfit) => {
            for own in &mut bitfit.biases {
                fill(
                    &mut own.bias,
                    arrays.remove(&format!("{}.bias", own.site)),
                    device,
                );
            }
            PeftAdapter::BitFit(bitfit)
        }
        other @ (PeftAdapter::Frozen(_) | PeftAdapter::Lora(_)) => other,
    })
}

fn full<B: Backend>(
    config: &VitConfig,
    arrays: Named,
    device: &B::Device,
) -> Result<Full<B>, PeftError> {
    let vit = vit_of(config, arrays, device)?;
    Ok(Full {
        vit: trainable_copy::<B, _>(&vit),
    })
}

fn fill<B: Backend>(param: &mut Param<Tensor<B, 1>>, array: Option<HostArray>, device: &B::Device) {
    if let Some(array) = array {
        *param = trainable(Tensor::from_data(
            TensorData::new(array.data, array.shape),
            device,
        ));
    }
}
