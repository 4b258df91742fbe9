//! From the tensors of a LoRA or DoRA file to an adapter: sites, ranks and scales are the file's; the record only tells parts
//! apart.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::backend::Backend;
use serde_json::Value;
use vit_backbone::{LinearSite, Vit, VitConfig};

use super::PREFIX;
use super::adapter_config::AdapterJson;
use super::describe::describe;
use super::fused::{FusedMap, split, whole};
use super::load::checked;
use super::methods::{bias_key, magnitude_key};
use super::vit_names::Named;
use crate::adapter::PeftAdapter;
use crate::config::MethodConfig;
use crate::draw::vector;
use crate::error::PeftError;
use crate::lora_config::{LoraBias, LoraConfig, LoraInit};
use crate::methods::{Dora, Lora, LoraMap, bias_sites};
use crate::place::linear_dims;
use crate::targets::{PlannedMap, plan};

/// What a file of type `LORA` holds.
pub(crate) struct LoraFile {
    /// The updates.
    pub(crate) maps: Vec<FusedMap>,
    /// Biases and magnitudes under their keys.
    rest: Named,
    /// The configuration, in our words.
    described: LoraConfig,
    dora: bool,
}

/// The tensors of a file, after checking that they are exactly those its configuration names, in its ranks.
pub(crate) fn read_lora<B: Backend>(
    json: &AdapterJson,
    mut arrays: Named,
    base: &Vit<B>,
    config: &VitConfig,
    config_path: &Path,
    tensor_path: &Path,
) -> Result<LoraFile, PeftError> {
    let lora = json.lora(config_path)?;
    let mode = lora.bias_mode(config_path)?;
    let mut expected = BTreeMap::new();
    let mut numbers = Vec::new();
    let layers = lora.layers_to_transform.as_ref();
    for site in json.sites(layers, config.depth, config_path)? {
        let (rank, alpha) = lora.numbers_at(site, config_path)?;
        let (inputs, outputs) = linear_dims(site.map, config);
        expected.insert(format!("{site}.lora_A.weight"), vec![rank, inputs]);
        expected.insert(format!("{site}.lora_B.weight"), vec![outputs, rank]);
        if lora.use_dora {
            expected.insert(magnitude_key(&site.to_string()), vec![outputs]);
        }
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
    let adapted: Vec<LinearSite> = numbers.iter().map(|(site, _)| *site).collect();
    for own in &bias_sites(mode, adapted.iter().copied(), base).biases {
        let wrapped = adapted.iter().any(|site| own.site.is(*site));
        let key = bias_key(&own.site.to_string(), wrapped);
        expected.insert(key, own.bias.dims().to_vec());
    }
    if mode == LoraBias::All {
        // PEFT takes these for biases of the model: copies of the head's that its wrapper keeps.
        for wrapper in ["original_module", "modules_to_save"] {
            arrays.remove(&format!("{PREFIX}head.{wrapper}.bias"));
        }
    }
    let mut arrays = checked(tensor_path, arrays, &expected)?;
    let take =
        |arrays: &mut Named, site, name: &str| arrays.remove(&format!("{site}.lora_{name}.weight"));
    let maps: Vec<FusedMap> = numbers
        .into_iter()
        .filter_map(|(site, alpha)| {
            // Both are there: `checked` found every name expected.
            let (a, b) = (take(&mut arrays, site, "A")?, take(&mut arrays, site, "B")?);
            Some(FusedMap { site, alpha, a, b })
        })
        .collect();
    let described = describe(
        &maps,
        config.depth,
        lora.lora_dropout,
        lora.use_rslora,
        init_of(&lora.init_lora_weights),
        mode,
    );
    Ok(LoraFile {
        maps,
        rest: arrays,
        described,
        dora: lora.use_dora,
    })
}

/// The rule that drew `A`, as far as it is one of ours; it matters to nothing after training.
fn init_of(value: &Value) -> LoraInit {
    match value.as_str() {
        Some("gaussian") => LoraInit::Gaussian,
        _ => LoraInit::KaimingUniform,
    }
}

/// The adapter of a file and its method: in parts where the record says so and the tensors agree, otherwise whole.
pub(crate) fn lora_of<B: Backend>(
    file: LoraFile,
    recorded: Option<MethodConfig>,
    base: &Vit<B>,
    config: &VitConfig,
    notes: &mut Vec<String>,
    device: &B::Device,
) -> Result<(PeftAdapter<B>, MethodConfig), PeftError> {
    let had_record = recorded.is_some();
    let recorded = match (recorded, file.dora) {
        (Some(MethodConfig::Lora(recorded)), false)
        | (Some(MethodConfig::Dora(recorded)), true) => Some(recorded),
        _ => None,
    };
    let found = recorded.and_then(|recorded| {
        let maps = recorded_parts(&file.maps, &recorded, &file.described, config, device)?;
        Some((maps, recorded))
    });
    if had_record && found.is_none() {
        notes.push(
            "the tensors are not those of the method recorded; they are used as PEFT reads them"
                .into(),
        );
    }
    let (maps, method) = found.unwrap_or_else(|| {
        let rslora = file.described.rslora;
        let maps = file.maps.iter().map(|map| whole(map, rslora, device));
        (maps.collect(), file.described.clone())
    });
    let mut lora = Lora::from_maps(maps, &method, base, config);
    let mut rest = file.rest;
    for own in &mut lora.biases.biases {
        let wrapped = file.maps.iter().any(|map| own.site.is(map.site));
        if let Some(array) = rest.remove(&bias_key(&own.site.to_string(), wrapped)) {
            own.bias = vector(array.data, device);
        }
    }
    if !file.dora {
        return Ok((PeftAdapter::Lora(lora), MethodConfig::Lora(method)));
    }
    let mut dora = Dora::around(lora, base);
    for (map, magnitude) in dora.lora.maps.iter().zip(&mut dora.magnitudes) {
        let key = magnitude_key(&map.plan.target.site.to_string());
        if let Some(array) = rest.remove(&key) {
            *magnitude = vector(array.data, device);
        }
    }
    Ok((PeftAdapter::Dora(dora), MethodConfig::Dora(method)))
}

/// The updates as the record describes them, or `None` if the tensors are not what that method trains.
fn recorded_parts<B: Backend>(
    maps: &[FusedMap],
    recorded: &LoraConfig,
    described: &LoraConfig,
    config: &VitConfig,
    device: &B::Device,
) -> Option<Vec<LoraMap<B>>> {
    let plans = plan(recorded, config).ok()?;
    if recorded.rslora != described.rslora
        || recorded.dropout != described.dropout
        || recorded.bias != described.bias
    {
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
    Some(built)
}
