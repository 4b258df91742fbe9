//! The names of the namings, translated to timm's.

use super::Layout;

impl Layout {
    /// The name of a tensor in timm's naming; unknown names stay as they are.
    pub(super) fn canonical(self, name: &str) -> String {
        match self {
            Self::Timm => timm(name),
            Self::OpenClip => open_clip(name),
            Self::CrossScale => cross_scale(name),
            Self::Clay => clay(name),
            Self::Transformers => transformers(name),
        }
    }
}

/// Other spellings of LayerScale (BEiT), the names of DINOv2's and DINOv3's own files, and of timm's EVA.
fn timm(name: &str) -> String {
    const ENDS: [(&str, &str); 12] = [
        (".gamma_1", ".ls1.gamma"),
        (".gamma_2", ".ls2.gamma"),
        (".mlp.w12.weight", ".mlp.fc1.weight"),
        (".mlp.w12.bias", ".mlp.fc1.bias"),
        (".mlp.w3.weight", ".mlp.fc2.weight"),
        (".mlp.w3.bias", ".mlp.fc2.bias"),
        (".mlp.w1.weight", ".mlp.gate.weight"),
        (".mlp.w1.bias", ".mlp.gate.bias"),
        (".mlp.w2.weight", ".mlp.value.weight"),
        (".mlp.w2.bias", ".mlp.value.bias"),
        (".attn.q_bias", ".attn.q.bias"),
        (".attn.v_bias", ".attn.v.bias"),
    ];
    const GATES: [(&str, &str); 2] = [
        (".mlp.fc1_g.", ".mlp.gate."),
        (".mlp.fc1_x.", ".mlp.value."),
    ];
    if let Some((theirs, ours)) = GATES.into_iter().find(|(theirs, _)| name.contains(theirs)) {
        return name.replacen(theirs, ours, 1);
    }
    if name == "register_tokens" || name == "storage_tokens" {
        return "reg_token".to_owned();
    }
    ENDS.into_iter()
        .find_map(|(theirs, ours)| Some(format!("{}{ours}", name.strip_suffix(theirs)?)))
        .unwrap_or_else(|| name.to_owned())
}

fn open_clip(name: &str) -> String {
    const TOP: [(&str, &str); 8] = [
        ("conv1.weight", "patch_embed.proj.weight"),
        ("class_embedding", "cls_token"),
        ("positional_embedding", "pos_embed"),
        ("ln_pre.weight", "norm_pre.weight"),
        ("ln_pre.bias", "norm_pre.bias"),
        ("ln_post.weight", "norm.weight"),
        ("ln_post.bias", "norm.bias"),
        ("proj", "head.weight"),
    ];
    const BLOCK: [(&str, &str); 9] = [
        ("ln_1.", "norm1."),
        ("ln_2.", "norm2."),
        ("attn.in_proj_weight", "attn.qkv.weight"),
        ("attn.in_proj_bias", "attn.qkv.bias"),
        ("attn.out_proj.", "attn.proj."),
        ("mlp.c_fc.", "mlp.fc1."),
        ("mlp.c_proj.", "mlp.fc2."),
        ("ls_1.", "ls1."),
        ("ls_2.", "ls2."),
    ];
    if let Some((_, ours)) = TOP.into_iter().find(|(theirs, _)| *theirs == name) {
        return ours.to_owned();
    }
    let block = name
        .strip_prefix("transformer.resblocks.")
        .and_then(|rest| rest.split_once('.'));
    let Some((number, rest)) = block else {
        return name.to_owned();
    };
    let rest = BLOCK
        .into_iter()
        .find_map(|(theirs, ours)| Some(format!("{ours}{}", rest.strip_prefix(theirs)?)))
        .unwrap_or_else(|| rest.to_owned());
    format!("blocks.{number}.{rest}")
}

fn transformers(name: &str) -> String {
    const TOP: [(&str, &str); 14] = [
        (
            "embeddings.patch_embeddings.projection.",
            "patch_embed.proj.",
        ),
        ("embeddings.patch_embeddings.", "patch_embed.proj."),
        ("embeddings.patch_embedding.", "patch_embed.proj."),
        ("embeddings.cls_token", "cls_token"),
        ("embeddings.class_embedding", "cls_token"),
        ("embeddings.mask_token", "mask_token"),
        ("embeddings.register_tokens", "reg_token"),
        ("embeddings.position_embeddings", "pos_embed"),
        ("embeddings.position_embedding.weight", "pos_embed"),
        ("pre_layrnorm.", "norm_pre."),
        ("pre_layernorm.", "norm_pre."),
        ("layernorm.", "norm."),
        ("post_layernorm.", "norm."),
        ("norm.", "norm."),
    ];
    const BLOCKS: [&str; 4] = [
        "encoder.layer.",
        "encoder.layers.",
        "model.layer.",
        "layer.",
    ];
    const BLOCK: [(&str, &str); 22] = [
        ("attention.attention.query.", "attn.q."),
        ("attention.attention.key.", "attn.k."),
        ("attention.attention.value.", "attn.v."),
        ("attention.output.dense.", "attn.proj."),
        ("attention.q_proj.", "attn.q."),
        ("attention.k_proj.", "attn.k."),
        ("attention.v_proj.", "attn.v."),
        ("attention.o_proj.", "attn.proj."),
        ("self_attn.q_proj.", "attn.q."),
        ("self_attn.k_proj.", "attn.k."),
        ("self_attn.v_proj.", "attn.v."),
        ("self_attn.out_proj.", "attn.proj."),
        ("intermediate.dense.", "mlp.fc1."),
        ("output.dense.", "mlp.fc2."),
        ("mlp.weights_in.", "mlp.fc1."),
        ("mlp.weights_out.", "mlp.fc2."),
        ("mlp.gate_proj.", "mlp.gate."),
        ("mlp.up_proj.", "mlp.value."),
        ("mlp.down_proj.", "mlp.fc2."),
        ("layer_scale1.lambda1", "ls1.gamma"),
        ("layer_scale2.lambda1", "ls2.gamma"),
        ("layernorm_before.", "norm1."),
    ];
    const NORMS: [(&str, &str); 3] = [
        ("layernorm_after.", "norm2."),
        ("layer_norm1.", "norm1."),
        ("layer_norm2.", "norm2."),
    ];
    let block = BLOCKS
        .into_iter()
        .find_map(|start| name.strip_prefix(start)?.split_once('.'));
    match block {
        Some((number, rest)) => {
            let rest =
                with_start(BLOCK.into_iter().chain(NORMS), rest).unwrap_or_else(|| rest.to_owned());
            format!("blocks.{number}.{rest}")
        }
        None => with_start(TOP, name).unwrap_or_else(|| name.to_owned()),
    }
}

/// The name with its start translated by the first pair that fits.
fn with_start(
    pairs: impl IntoIterator<Item = (&'static str, &'static str)>,
    name: &str,
) -> Option<String> {
    pairs
        .into_iter()
        .find_map(|(theirs, ours)| Some(format!("{ours}{}", name.strip_prefix(theirs)?)))
}

fn clay(name: &str) -> String {
    const EMBED: [(&str, &str); 4] = [
        (
            "weight_generator.encoder.",
            "weight_generator.transformer_encoder.",
        ),
        ("fclayer.l1.", "fclayer.w1."),
        ("fclayer.l2.", "fclayer.w2."),
        ("", ""),
    ];
    const BLOCK: [(&str, &str); 6] = [
        ("0.norm.", "norm1."),
        ("0.to_qkv.", "attn.qkv."),
        ("0.to_out.", "attn.proj."),
        ("1.net.0.", "norm2."),
        ("1.net.1.", "mlp.fc1."),
        ("1.net.3.", "mlp.fc2."),
    ];
    let block = name
        .strip_prefix("transformer.layers.")
        .and_then(|rest| rest.split_once('.'))
        .and_then(|(number, rest)| Some(format!("blocks.{number}.{}", with_start(BLOCK, rest)?)));
    let embed = || {
        let rest = name.strip_prefix("patch_embedding.")?;
        Some(format!("patch_embed.{}", with_start(EMBED, rest)?))
    };
    let norm = || Some(format!("norm.{}", name.strip_prefix("transformer.norm.")?));
    block
        .or_else(embed)
        .or_else(norm)
        .unwrap_or_else(|| name.to_owned())
}

fn cross_scale(name: &str) -> String {
    if name == "encoder_pos_embed" {
        "pos_embed".to_owned()
    } else if let Some(rest) = name.strip_prefix("encoder_norm.") {
        format!("norm.{rest}")
    } else if let Some(rest) = name.strip_prefix("encoder.") {
        format!("blocks.{rest}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_translated() {
        for (layout, theirs, ours) in [
            (Layout::Timm, "blocks.3.gamma_1", "blocks.3.ls1.gamma"),
            (Layout::Timm, "blocks.3.norm1.bias", "blocks.3.norm1.bias"),
            (
                Layout::Timm,
                "blocks.3.mlp.w12.bias",
                "blocks.3.mlp.fc1.bias",
            ),
            (Layout::Timm, "register_tokens", "reg_token"),
            (Layout::Timm, "storage_tokens", "reg_token"),
            (
                Layout::Timm,
                "blocks.0.mlp.w1.bias",
                "blocks.0.mlp.gate.bias",
            ),
            (
                Layout::Timm,
                "blocks.0.mlp.fc1_x.weight",
                "blocks.0.mlp.value.weight",
            ),
            (Layout::Timm, "blocks.9.attn.q_bias", "blocks.9.attn.q.bias"),
            (
                Layout::Transformers,
                "encoder.layer.11.attention.output.dense.bias",
                "blocks.11.attn.proj.bias",
            ),
            (
                Layout::Transformers,
                "encoder.layer.2.output.dense.bias",
                "blocks.2.mlp.fc2.bias",
            ),
            (
                Layout::Transformers,
                "encoder.layers.2.layer_norm2.bias",
                "blocks.2.norm2.bias",
            ),
            (
                Layout::Transformers,
                "layer.3.attention.k_proj.weight",
                "blocks.3.attn.k.weight",
            ),
            (
                Layout::Transformers,
                "layer.3.layer_scale1.lambda1",
                "blocks.3.ls1.gamma",
            ),
            (
                Layout::Transformers,
                "embeddings.patch_embeddings.projection.bias",
                "patch_embed.proj.bias",
            ),
            (
                Layout::Transformers,
                "embeddings.patch_embeddings.bias",
                "patch_embed.proj.bias",
            ),
            (Layout::Transformers, "layernorm.weight", "norm.weight"),
            (
                Layout::Transformers,
                "pooler.dense.bias",
                "pooler.dense.bias",
            ),
            (
                Layout::OpenClip,
                "transformer.resblocks.11.attn.in_proj_weight",
                "blocks.11.attn.qkv.weight",
            ),
            (
                Layout::OpenClip,
                "transformer.resblocks.0.attn.out_proj.bias",
                "blocks.0.attn.proj.bias",
            ),
            (
                Layout::Clay,
                "transformer.layers.3.1.net.3.bias",
                "blocks.3.mlp.fc2.bias",
            ),
            (
                Layout::Clay,
                "patch_embedding.weight_generator.encoder.layers.0.norm1.bias",
                "patch_embed.weight_generator.transformer_encoder.layers.0.norm1.bias",
            ),
            (
                Layout::Clay,
                "patch_embedding.fclayer.l2.weight",
                "patch_embed.fclayer.w2.weight",
            ),
            (Layout::Clay, "transformer.norm.bias", "norm.bias"),
            (Layout::OpenClip, "ln_post.bias", "norm.bias"),
            (Layout::OpenClip, "proj", "head.weight"),
            (Layout::OpenClip, "something", "something"),
            (
                Layout::CrossScale,
                "encoder.7.mlp.fc1.bias",
                "blocks.7.mlp.fc1.bias",
            ),
            (Layout::CrossScale, "encoder_norm.bias", "norm.bias"),
            (
                Layout::CrossScale,
                "decoder.0.norm1.bias",
                "decoder.0.norm1.bias",
            ),
        ] {
            assert_eq!(layout.canonical(theirs), ours);
        }
    }
}
