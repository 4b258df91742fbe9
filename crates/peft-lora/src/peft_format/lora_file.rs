//! From the tensors of a LoRA file to an adapter: sites, ranks and scales are the file's; the record only tells parts apart.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::backend::Backend;
use serde_json::Value;
use vit_backbone::VitConfig;

use super::adapter_config::{AdapterJson, LoraJson};
use super::fused::{FusedMap, split, whole};
use super::load::checked;
use super::vit_names::Named;
use crate::config::MethodConfig;
use crate::error::PeftError;
use crate::lora_config::{LoraConfig, LoraInit};
use crate::methods::Lora;
use crate::place::linear_dims;
use crate::targets::{PlannedMap, plan};

/// The maps that a file holds, after checking that they are exactly those its configuration names, in its ranks.
pub(crate) fn read_lora(
    json: &AdapterJson,
    lora: &LoraJson,
    config: &VitConfig,
    arrays: Named,
    config_path: &Path,
    tensor_path: &Path,
) -> Result<Vec<FusedMap>, PeftError> {
    let mut expected = BTreeMap::new();
    let mut numbers = Vec::new();
    for site in json.sites(lora, config.depth, config_path)? {
        let (rank, alpha) = lora.numbers_at(site, config_path)?;
        let (inputs, outputs) = linear_dims(site.map, config);
        expected.insert(format!("{site}.lora_A.weight"), vec![rank, inputs]);
        expected.insert(format!("{site}.lora_B.weight"), vec![outputs, rank]);
        numbers.push((site, alpha));
    }
    if expected.is_empty() {
        // Without this, a configuration that names nothing and a file without tensors would silently do nothing.
        return Err(PeftError::Keys {
            path: tensor_path.to_owned(),
            missing: vec!["a linear map that `target_modules` names".into()],
            unexpected: arrays.into_keys().collect(),
        });
    }
    let mut arrays = checked(tensor_path, arrays, &expected)?;
    let take =
        |arrays: &mut Named, site, name: &str| arrays.remove(&format!("{site}.lora_{name}.weight"));
    Ok(numbers
        .into_iter()
        .filter_map(|(site, alpha)| {
            // Both are there: `checked` found every name expected.
            let (a, b) = (take(&mut arrays, site, "A")?, take(&mut arrays, site, "B")?);
            Some(FusedMap { site, alpha, a, b })
        })
        .collect())
}

/// The rule that drew `A`, as far as it is one of ours; it matters to nothing after training.
pub(crate) fn init_of(value: &Value) -> LoraInit {
    match value.as_str() {
        Some("gaussian") => LoraInit::Gaussian,
        _ => LoraInit::KaimingUniform,
    }
}

/// The adapter of a file's maps: in parts where the record says so and the tensors agree, otherwise whole.
pub(crate) fn lora_of<B: Backend>(
    maps: &[FusedMap],
    described: LoraConfig,
    recorded: Option<MethodConfig>,
    config: &VitConfig,
    notes: &mut Vec<String>,
    device: &B::Device,
) -> Result<(Lora<B>, LoraConfig), PeftError> {
    if let Some(MethodConfig::Lora(recorded)) = recorded {
        if let Some(adapter) = recorded_parts(maps, &recorded, &described, config, device) {
            return Ok((adapter, recorded));
        }
        notes.push(
            "the tensors are not those of the method recorded; they are used as PEFT reads them"
                .into(),
        );
    }
    let built = maps
        .iter()
        .map(|map| whole(map, described.rslora, device))
        .collect();
    Ok((Lora::from_maps(built, &described, config), described))
}

/// The adapter as the record describes it, or `None` if the tensors are not what that method trains.
fn recorded_parts<B: Backend>(
    maps: &[FusedMap],
    recorded: &LoraConfig,
    described: &LoraConfig,
    config: &VitConfig,
    device: &B::Device,
) -> Option<Lora<B>> {
    let plans = plan(recorded, config).ok()?;
    if recorded.rslora != described.rslora || recorded.dropout != described.dropout {
        return None;
    }
    let groups: Vec<&[PlannedMap]> = plans
        .chunk_by(|x, y| x.target.site == y.target.site)
        .collect();
    if groups.len() != maps.len() {
        return None;
    }
    let mut built = Vec::with_capacity(plans.len());
    for (map, group) in maps.iter().zip(groups) {
        let first = group.first()?;
        if first.target.site != map.site {
            return None;
        }
        if first.target.part.is_some() {
            built.extend(split(map, group, recorded.rslora, device)?);
        } else if first.rank == map.rank() && first.alpha == map.alpha {
            built.push(whole(map, recorded.rslora, device));
        } else {
            return None;
        }
    }
    Some(Lora::from_maps(built, recorded, config))
}
