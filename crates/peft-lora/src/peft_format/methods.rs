//! What each method stores: its arrays by key, and the way back from checked arrays to an adapter.

use burn::tensor::backend::Backend;
use vit_backbone::{Vit, VitConfig};

use super::fused::{FusedMap, fuse};
use super::ia3_file::ia3_arrays;
use super::slot::Slot;
use super::vit_names::{Named, host, named_parameters, vit_of};
use crate::adapter::PeftAdapter;
use crate::config::MethodConfig;
use crate::error::PeftError;
use crate::methods::{Full, Lora, Scratch};
use crate::params::trainable_copy;

/// PEFT's type for LoRA and DoRA.
pub(crate) const LORA: &str = "LORA";
/// PEFT's type for (IA)3.
pub(crate) const IA3: &str = "IA3";
/// PEFT's type for norm tuning.
pub(crate) const LN_TUNING: &str = "LN_TUNING";
/// Start of the types that PEFT does not have, followed by the method's name in capitals: `RS_PEFT_FROZEN`.
pub(crate) const OWN: &str = "RS_PEFT_";

/// The `peft_type` under which a method is stored.
pub(crate) fn peft_type(method: &MethodConfig) -> String {
    match method {
        MethodConfig::Lora(_) | MethodConfig::Dora(_) => LORA.into(),
        MethodConfig::Ia3(_) => IA3.into(),
        MethodConfig::NormTuning => LN_TUNING.into(),
        other => format!("{OWN}{}", other.name().to_uppercase()),
    }
}

/// The arrays of an adapter by module path and parameter name, without PEFT's prefix.
pub(crate) fn arrays_of<B: Backend>(adapter: &PeftAdapter<B>) -> Named {
    match adapter {
        PeftAdapter::Full(full) => named_parameters(&full.vit),
        PeftAdapter::Scratch(scratch) => named_parameters(&scratch.full.vit),
        PeftAdapter::Ia3(ia3) => ia3_arrays(ia3),
        PeftAdapter::Lora(lora) => lora_arrays(&fuse(lora), lora),
        PeftAdapter::Dora(dora) => {
            let mut named = lora_arrays(&fuse(&dora.lora), &dora.lora);
            for (map, magnitude) in dora.lora.maps.iter().zip(&dora.magnitudes) {
                let key = magnitude_key(&map.plan.target.site.to_string());
                named.insert(key, host(magnitude.val()));
            }
            named
        }
        // Cloning copies handles; listing wants to be able to write.
        other => slots_of(&mut other.clone())
            .into_iter()
            .map(|slot| (slot.name.clone(), slot.read()))
            .collect(),
    }
}

/// The parameters of the methods that are stored parameter by parameter; none of the others'.
fn slots_of<B: Backend>(adapter: &mut PeftAdapter<B>) -> Vec<Slot<'_, B>> {
    match adapter {
        PeftAdapter::NormTuning(tuning) => tuning.slots(),
        PeftAdapter::BitFit(bitfit) => bitfit.slots(),
        PeftAdapter::Slr(slr) => slr.slots(),
        PeftAdapter::Houlsby(houlsby) => houlsby.slots(),
        PeftAdapter::AdaptFormer(adaptformer) => adaptformer.slots(),
        PeftAdapter::Vpt(vpt) => vpt.slots(),
        PeftAdapter::Frozen(_)
        | PeftAdapter::Full(_)
        | PeftAdapter::Scratch(_)
        | PeftAdapter::Lora(_)
        | PeftAdapter::Dora(_)
        | PeftAdapter::Ia3(_) => Vec::new(),
    }
}

/// `blocks.0.attn.qkv.lora_A.weight` and `lora_B.weight`, and the biases.
fn lora_arrays<B: Backend>(maps: &[FusedMap], lora: &Lora<B>) -> Named {
    let mut named = Named::new();
    for map in maps {
        named.insert(format!("{}.lora_A.weight", map.site), map.a.clone());
        named.insert(format!("{}.lora_B.weight", map.site), map.b.clone());
    }
    for own in &lora.biases.biases {
        let adapted = maps.iter().any(|map| own.site.is(map.site));
        named.insert(
            bias_key(&own.site.to_string(), adapted),
            host(own.bias.val()),
        );
    }
    named
}

/// The key of a bias trained beside a LoRA; PEFT wraps the maps that it adapts.
pub(crate) fn bias_key(place: &str, adapted: bool) -> String {
    let wrapped = if adapted { ".base_layer" } else { "" };
    format!("{place}{wrapped}.bias")
}

/// The key of a DoRA's magnitudes.
pub(crate) fn magnitude_key(place: &str) -> String {
    format!("{place}.lora_magnitude_vector")
}

/// An adapter of a method that is stored under a type of its own as it starts, whose arrays give the names and shapes to
/// expect in a file.
pub(crate) fn template<B: Backend>(
    method: &MethodConfig,
    base: &Vit<B>,
    config: &VitConfig,
    device: &B::Device,
) -> Result<PeftAdapter<B>, PeftError> {
    match method {
        // Names and shapes are the base's; the values come from the file.
        MethodConfig::Scratch => Ok(PeftAdapter::Scratch(Scratch {
            full: Full::copy_of(base),
        })),
        other => other.init(base, config, 0, device),
    }
}

/// The template with the values of a file, whose names and shapes were checked.
pub(crate) fn filled<B: Backend>(
    mut template: PeftAdapter<B>,
    mut arrays: Named,
    config: &VitConfig,
    device: &B::Device,
) -> Result<PeftAdapter<B>, PeftError> {
    match &mut template {
        PeftAdapter::Full(own) => *own = full(config, arrays, device)?,
        PeftAdapter::Scratch(own) => own.full = full(config, arrays, device)?,
        other => {
            for slot in slots_of(other) {
                if let Some(array) = arrays.remove(&slot.name) {
                    slot.write(array, device);
                }
            }
        }
    }
    Ok(template)
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
