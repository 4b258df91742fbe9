//! Names: what a model needs, and what else files hold.

use super::report::{Expected, UnusedReason};
use crate::{LinearMap, PositionKind, VitConfig};

/// Every tensor of a model under its timm name, in the order of the forward pass. Allocates names only.
pub(crate) fn expected(config: &VitConfig) -> Vec<Expected> {
    let (d, p) = (config.dim, config.patch_size);
    let mut list = Vec::new();
    let mut add = |name: String, shape: Vec<usize>| list.push(Expected { name, shape });
    let mut patch = |name: &str, shape: Vec<usize>| {
        add(format!("{name}.weight"), shape);
        if config.patch_bias {
            add(format!("{name}.bias"), vec![d]);
        }
    };
    match (&config.channel_groups, &config.spectral_embed) {
        (_, Some(spectral)) => {
            for (name, shape) in spectral.tensors(p, d) {
                add(name, shape);
            }
        }
        (None, None) => patch("patch_embed.proj", config.patch_shape()),
        (Some(channels), None) => {
            for (number, group) in channels.groups.iter().enumerate() {
                patch(
                    &format!("patch_embed.{number}.proj"),
                    vec![d, group.len(), p, p],
                );
            }
        }
    }
    if config.class_token {
        add("cls_token".into(), vec![1, 1, d]);
    }
    if config.register_tokens > 0 {
        add("reg_token".into(), vec![1, config.register_tokens, d]);
    }
    if config.positions == PositionKind::Rotary {
        add("rope_embed.periods".into(), vec![d / config.heads / 4]);
    }
    if config.positions.has_table() {
        let rows = config.position_rows();
        add("pos_embed".into(), vec![1, rows, config.position_dim()]);
        if let Some(channels) = &config.channel_groups {
            let groups = channels.groups.len();
            add("channel_embed".into(), vec![1, groups, channels.dim]);
            add("channel_cls_embed".into(), vec![1, 1, channels.dim]);
        }
    }
    if config.coordinates {
        add("temporal_embed_enc.scale".into(), vec![1]);
        add("location_embed_enc.scale".into(), vec![1]);
    }
    if config.pre_norm {
        add("norm_pre.weight".into(), vec![d]);
        add("norm_pre.bias".into(), vec![d]);
    }
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
            (LinearMap::Fc2, d, config.mlp_inner()),
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
            let biased = match map {
                LinearMap::Qkv => config.qkv_bias,
                LinearMap::Proj => config.proj_bias,
                LinearMap::Fc1 | LinearMap::Fc2 => true,
            };
            if biased {
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
    if let Some(outputs) = config.projection {
        add("head.weight".into(), vec![outputs, d]);
    }
    list
}

/// Why a key of the model's part of the file is not needed.
pub(crate) fn reason(name: &str, config: &VitConfig) -> UnusedReason {
    let first = name.split('.').next().unwrap_or(name);
    let is = |list: &[&str]| list.contains(&first);
    if first.starts_with("decoder")
        || is(&[
            "mask_token",
            "mask_token_decoder",
            "local_cls_norm",
            "fpn",
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
        "pooler",
    ]) {
        UnusedReason::Head
    } else if (first == "norm" && !config.final_norm)
        || (first == "pos_embed" && !config.positions.has_table())
        || name == "embeddings.position_ids"
        || is(&["temporal_embed_enc", "location_embed_enc"])
    {
        UnusedReason::Declined
    } else {
        UnusedReason::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, ChannelGroups};

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
                ..base.clone()
            },
            VitConfig {
                patch_bias: false,
                pre_norm: true,
                projection: Some(512),
                activation: Activation::SwiGlu,
                ..base.clone()
            },
            VitConfig {
                positions: PositionKind::SinCosGround,
                ..base.clone()
            },
            VitConfig {
                channel_groups: Some(ChannelGroups {
                    groups: vec![vec![0, 1], vec![2]],
                    dim: 256,
                }),
                ..base
            },
        ] {
            let total: usize = expected(&config)
                .iter()
                .map(|e| e.shape.iter().product::<usize>())
                .sum();
            assert_eq!(total, config.parameter_count(), "{config:?}");
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
            ("mask_token_decoder", UnusedReason::Pretraining),
            ("fpn.do_fpn1.0.weight", UnusedReason::Pretraining),
            ("decoder_blocks.0.norm1.weight", UnusedReason::Pretraining),
            ("head.weight", UnusedReason::Head),
            ("norm.bias", UnusedReason::Declined),
            ("blocks.0.ls1.gamma", UnusedReason::Unknown),
        ] {
            assert_eq!(reason(name, &config), expected, "{name}");
        }
    }
}
