//! Names: what a model needs, which part of a file holds it, and what else files hold.

use std::collections::{BTreeMap, BTreeSet};

use super::container::Container;
use super::report::{Expected, UnusedReason};
use crate::{BackboneError, LinearMap, VitConfig};

/// The name that every vision transformer of timm's naming has, wherever it is nested.
const ANCHOR: &str = "patch_embed.proj.weight";

/// Every tensor of a model under its timm name, in the order of the forward pass. Allocates names only.
pub(crate) fn expected(config: &VitConfig) -> Vec<Expected> {
    let (d, p) = (config.dim, config.patch_size);
    let mut list = Vec::new();
    let mut add = |name: String, shape: Vec<usize>| list.push(Expected { name, shape });
    add(
        "patch_embed.proj.weight".into(),
        vec![d, config.in_channels, p, p],
    );
    add("patch_embed.proj.bias".into(), vec![d]);
    if config.class_token {
        add("cls_token".into(), vec![1, 1, d]);
    }
    if config.register_tokens > 0 {
        add("reg_token".into(), vec![1, config.register_tokens, d]);
    }
    add("pos_embed".into(), vec![1, config.position_rows(), d]);
    for block in 0..config.depth {
        let norm = |name: &str, add: &mut dyn FnMut(String, Vec<usize>)| {
            add(format!("blocks.{block}.{name}.weight"), vec![d]);
            add(format!("blocks.{block}.{name}.bias"), vec![d]);
        };
        norm("norm1", &mut add);
        for (map, outputs, inputs) in [
            (LinearMap::Qkv, 3 * d, d),
            (LinearMap::Proj, d, d),
            (LinearMap::Fc1, config.mlp_dim, d),
            (LinearMap::Fc2, d, config.mlp_dim),
        ] {
            if map == LinearMap::Fc1 {
                if config.layer_scale.is_some() {
                    add(format!("blocks.{block}.ls1.gamma"), vec![d]);
                }
                norm("norm2", &mut add);
            }
            add(
                format!("blocks.{block}.{map}.weight"),
                vec![outputs, inputs],
            );
            if map != LinearMap::Qkv || config.qkv_bias {
                add(format!("blocks.{block}.{map}.bias"), vec![outputs]);
            }
        }
        if config.layer_scale.is_some() {
            add(format!("blocks.{block}.ls2.gamma"), vec![d]);
        }
    }
    if config.final_norm {
        add("norm.weight".into(), vec![d]);
        add("norm.bias".into(), vec![d]);
    }
    list
}

/// The prefix of the model's keys: what stands before the patch embedding.
///
/// # Errors
/// When the file has no patch embedding, or several and none is that of a teacher alone.
pub(crate) fn find_prefix(file: &Container, asked: Option<&str>) -> Result<String, BackboneError> {
    let prefixes: Vec<&str> = file
        .entries
        .keys()
        .filter_map(|key| key.strip_suffix(ANCHOR))
        .collect();
    if let Some(asked) = asked {
        if prefixes.contains(&asked) {
            return Ok(asked.to_owned());
        }
        return Err(BackboneError::Checkpoint {
            path: file.path.clone(),
            problem: format!("no key is `{asked}{ANCHOR}`"),
            remedy: format!("the prefixes that lead to a patch embedding are {prefixes:?}"),
        });
    }
    match prefixes.as_slice() {
        [] => {
            let some: Vec<_> = file.entries.keys().take(6).collect();
            Err(BackboneError::Checkpoint {
                path: file.path.clone(),
                problem: format!(
                    "no vision transformer in timm's naming: no key ends in `{ANCHOR}`; it has {some:?} ..."
                ),
                remedy: "convert the keys to timm's names first".into(),
            })
        }
        [one] => Ok((*one).to_owned()),
        several => {
            // Self-distillation keeps two copies; the teacher is the model that its authors publish.
            let teachers: Vec<_> = several
                .iter()
                .filter(|prefix| prefix.contains("teacher"))
                .collect();
            match teachers.as_slice() {
                [teacher] => Ok((**teacher).to_owned()),
                _ => Err(BackboneError::Checkpoint {
                    path: file.path.clone(),
                    problem: format!("it holds several models, under {several:?}"),
                    remedy: "choose one with the option `prefix`".into(),
                }),
            }
        }
    }
}

/// Keys of the file by their name in the model, and those outside the prefix.
pub(crate) fn by_name(
    file: &Container,
    prefix: &str,
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let mut names = BTreeMap::new();
    let mut outside = BTreeSet::new();
    for key in file.entries.keys() {
        match key.strip_prefix(prefix) {
            Some(name) => {
                names.insert(canonical(name), key.clone());
            }
            None => {
                outside.insert(key.clone());
            }
        }
    }
    (names, outside)
}

/// Other spellings of the same tensor.
fn canonical(name: &str) -> String {
    for (other, ours) in [(".gamma_1", ".ls1.gamma"), (".gamma_2", ".ls2.gamma")] {
        if let Some(stem) = name.strip_suffix(other) {
            return format!("{stem}{ours}");
        }
    }
    name.to_owned()
}

/// Why a key of the model's part of the file is not needed.
pub(crate) fn reason(name: &str, config: &VitConfig) -> UnusedReason {
    let first = name.split('.').next().unwrap_or(name);
    let is = |list: &[&str]| list.contains(&first);
    if first.starts_with("decoder")
        || is(&[
            "mask_token",
            "projector",
            "predictor",
            "contrast",
            "ibot_head",
            "dino_head",
        ])
    {
        UnusedReason::Pretraining
    } else if is(&[
        "head",
        "head_dist",
        "fc_norm",
        "classifier",
        "fc",
        "pre_logits",
    ]) {
        UnusedReason::Head
    } else if first == "norm" && !config.final_norm {
        UnusedReason::Declined
    } else {
        UnusedReason::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_tensors_hold_every_parameter() {
        let base = VitConfig::default();
        for config in [
            base.clone(),
            VitConfig::large(),
            VitConfig {
                layer_scale: Some(1.0),
                register_tokens: 4,
                qkv_bias: false,
                pos_on_prefix: false,
                ..base.clone()
            },
            VitConfig {
                class_token: false,
                final_norm: false,
                ..base
            },
        ] {
            let total: usize = expected(&config)
                .iter()
                .map(|e| e.shape.iter().product::<usize>())
                .sum();
            assert_eq!(total, config.parameter_count());
        }
    }

    #[test]
    fn extras_are_recognised() {
        let config = VitConfig {
            final_norm: false,
            ..VitConfig::default()
        };
        for (name, expected) in [
            ("mask_token", UnusedReason::Pretraining),
            ("decoder_blocks.0.norm1.weight", UnusedReason::Pretraining),
            ("head.weight", UnusedReason::Head),
            ("norm.bias", UnusedReason::Declined),
            ("blocks.0.ls1.gamma", UnusedReason::Unknown),
        ] {
            assert_eq!(reason(name, &config), expected, "{name}");
        }
    }
}
