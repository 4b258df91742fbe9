//! The names of the namings, translated to timm's.

use super::Layout;

impl Layout {
    /// The name of a tensor in timm's naming; unknown names stay as they are.
    pub(super) fn canonical(self, name: &str) -> String {
        match self {
            Self::Timm => timm(name),
            Self::OpenClip => open_clip(name),
            Self::CrossScale => cross_scale(name),
        }
    }
}

/// Other spellings of LayerScale (BEiT), and the names of DINOv2's own files.
fn timm(name: &str) -> String {
    const ENDS: [(&str, &str); 6] = [
        (".gamma_1", ".ls1.gamma"),
        (".gamma_2", ".ls2.gamma"),
        (".mlp.w12.weight", ".mlp.fc1.weight"),
        (".mlp.w12.bias", ".mlp.fc1.bias"),
        (".mlp.w3.weight", ".mlp.fc2.weight"),
        (".mlp.w3.bias", ".mlp.fc2.bias"),
    ];
    if name == "register_tokens" {
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
