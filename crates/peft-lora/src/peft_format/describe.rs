//! Writing `adapter_config.json`: the fewest words that describe what is stored.

use serde_json::{Map, Value, json};
use vit_backbone::{LinearMap, LinearSite};

use super::fused::FusedMap;
use super::methods::LORA;
use crate::lora_config::{LoraBias, LoraConfig, LoraInit};

/// Rank, alpha, targets and patterns that describe fused maps in the fewest words: the most common rank and alpha as defaults,
/// a map's name alone where every block has it.
pub(crate) fn describe(
    maps: &[FusedMap],
    depth: usize,
    dropout: f64,
    rslora: bool,
    init: LoraInit,
    bias: LoraBias,
) -> LoraConfig {
    let rank = most_common(maps.iter().map(|map| map.rank()));
    let alpha = most_common(
        maps.iter()
            .filter(|map| map.rank() == rank)
            .map(|map| map.alpha.to_bits()),
    );
    let alpha = f64::from_bits(alpha);
    let sites: Vec<LinearSite> = maps.iter().map(|map| map.site).collect();
    let other_rank = maps.iter().filter(|map| map.rank() != rank);
    let other_alpha = maps
        .iter()
        .filter(|map| map.alpha.to_bits() != alpha.to_bits());
    LoraConfig {
        rank,
        alpha,
        dropout,
        rslora,
        targets: names_of(&sites, depth),
        rank_pattern: other_rank
            .map(|map| (map.site.to_string(), map.rank()))
            .collect(),
        alpha_pattern: other_alpha
            .map(|map| (map.site.to_string(), map.alpha))
            .collect(),
        init,
        bias,
        b_rate_ratio: 1.0,
    }
}

/// Linear maps in the fewest words: a map's name alone where every block has it.
pub(crate) fn names_of(sites: &[LinearSite], depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    for map in LinearMap::ALL {
        let at: Vec<&LinearSite> = sites.iter().filter(|site| site.map == map).collect();
        if at.len() == depth {
            names.push(map.name().to_owned());
        } else {
            names.extend(at.iter().map(|site| site.to_string()));
        }
    }
    names
}

/// The most common value; of equally common ones the first seen.
fn most_common<T: Copy + PartialEq + Default>(values: impl Iterator<Item = T>) -> T {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|(v, _)| *v == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    // `max_by_key` would take the last of equals.
    counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map(|(value, _)| *value)
        .unwrap_or_default()
}

/// The JSON of a LoRA, or of a DoRA.
pub(crate) fn lora_json(
    lora: &LoraConfig,
    dora: bool,
    saves_head: bool,
    base_name: Option<&str>,
) -> Value {
    let init = match lora.init {
        LoraInit::KaimingUniform => json!(true),
        LoraInit::Gaussian => json!("gaussian"),
    };
    let alphas: Map<String, Value> = lora
        .alpha_pattern
        .iter()
        .map(|(key, alpha)| (key.clone(), number(*alpha)))
        .collect();
    let mut object = common_json(LORA, json!(lora.targets), saves_head, base_name);
    let own = json!({
        "r": lora.rank,
        "lora_alpha": number(lora.alpha),
        "lora_dropout": lora.dropout,
        "use_rslora": lora.rslora,
        "use_dora": dora,
        "bias": lora.bias.name(),
        "fan_in_fan_out": false,
        "init_lora_weights": init,
        "rank_pattern": lora.rank_pattern,
        "alpha_pattern": alphas,
        "layers_to_transform": null,
        "layers_pattern": null,
    });
    if let Value::Object(own) = own {
        object.extend(own);
    }
    Value::Object(object)
}

/// The keys that every type has.
pub(crate) fn common_json(
    peft_type: &str,
    target_modules: Value,
    saves_head: bool,
    base_name: Option<&str>,
) -> Map<String, Value> {
    let keys = [
        ("peft_type", json!(peft_type)),
        ("auto_mapping", Value::Null),
        ("base_model_name_or_path", json!(base_name)),
        ("revision", Value::Null),
        ("task_type", Value::Null),
        ("inference_mode", json!(true)),
        ("target_modules", target_modules),
        (
            "modules_to_save",
            if saves_head {
                json!(["head"])
            } else {
                Value::Null
            },
        ),
    ];
    keys.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// A number that is written as an integer if it is one, as PEFT declares alpha.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}
