//! The namings that published checkpoints use, and their translation to timm's.
//!
//! | naming | from | shapes that differ |
//! |---|---|---|
//! | timm | timm, MAE, DINO and what is built on them | - |
//! | OpenCLIP | `open_clip`, `visual.*` (the names of OpenAI's CLIP) | tokens without leading axes, `proj` `[dim, outputs]` |
//! | Cross-Scale MAE | `models_mae/MAE_ViT_Baseline.py`: `encoder.N`, `encoder_pos_embed`, `encoder_norm` | - |

use std::collections::{BTreeMap, BTreeSet};

use super::container::Container;
use crate::BackboneError;

/// Which names a checkpoint uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// timm's.
    Timm,
    /// OpenCLIP's.
    OpenClip,
    /// That of Cross-Scale MAE's pretraining.
    CrossScale,
}

/// What stands in front of the model's names, and the naming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) prefix: String,
    pub(crate) layout: Layout,
}

/// A name that a naming has, and another without which that is chance: other networks have `conv1.weight` too.
const ANCHORS: [(Layout, &str, &str); 5] = [
    (
        Layout::CrossScale,
        "patch_embed.proj.weight",
        "encoder_pos_embed",
    ),
    (
        Layout::CrossScale,
        "patch_embed.proj.weight",
        "encoder_norm.weight",
    ),
    (
        Layout::Timm,
        "patch_embed.proj.weight",
        "patch_embed.proj.weight",
    ),
    (Layout::Timm, "patch_embed.0.proj.weight", "channel_embed"),
    (Layout::OpenClip, "conv1.weight", "class_embedding"),
];

/// Finds the model in a file: its naming, and what stands before the patch embedding.
///
/// # Errors
/// When the file has no patch embedding, or several and none is that of a teacher alone.
pub(crate) fn find(file: &Container, asked: Option<&str>) -> Result<Found, BackboneError> {
    let mut models: BTreeMap<&str, Layout> = BTreeMap::new();
    for key in file.entries.keys() {
        for (layout, anchor, witness) in ANCHORS {
            let Some(prefix) = key.strip_suffix(anchor) else {
                continue;
            };
            if file.entries.contains_key(&format!("{prefix}{witness}")) {
                models.entry(prefix).or_insert(layout);
            }
        }
    }
    let prefixes: Vec<&str> = models.keys().copied().collect();
    let error = |problem: String, remedy: String| BackboneError::Checkpoint {
        path: file.path.clone(),
        problem,
        remedy,
    };
    let chosen = match (asked, prefixes.as_slice()) {
        (Some(asked), _) if models.contains_key(asked) => asked,
        (Some(asked), _) => {
            return Err(error(
                format!("no patch embedding is under the prefix `{asked}`"),
                format!("the prefixes that lead to a patch embedding are {prefixes:?}"),
            ));
        }
        (None, []) => {
            let some: Vec<_> = file.entries.keys().take(6).collect();
            return Err(error(
                format!(
                    "no vision transformer in a known naming: no key ends in `patch_embed.proj.weight`, and none is \
                     `conv1.weight` beside `class_embedding`; it has {some:?} ..."
                ),
                "convert the keys to timm's names first".into(),
            ));
        }
        (None, [one]) => *one,
        (None, several) => {
            // Self-distillation keeps two copies; the teacher is the model that its authors publish.
            let teachers: Vec<_> = several.iter().filter(|p| p.contains("teacher")).collect();
            match teachers.as_slice() {
                [teacher] => **teacher,
                _ => {
                    return Err(error(
                        format!("it holds several models, under {several:?}"),
                        "choose one with the option `prefix`".into(),
                    ));
                }
            }
        }
    };
    let layout = models.get(chosen).copied().unwrap_or(Layout::Timm);
    let blocks = format!("{chosen}encoder.encoders.");
    if layout == Layout::CrossScale && file.entries.keys().any(|key| key.starts_with(&blocks)) {
        return Err(error(
            "its blocks were built by xFormers (`encoder.encoders.N.wrap_att`), which normalises behind each branch".into(),
            "only blocks of timm (`encoder.N.norm1`) compute what this model computes; pretrain without `--use_xformers`".into(),
        ));
    }
    Ok(Found {
        prefix: chosen.to_owned(),
        layout,
    })
}

impl Found {
    /// Keys of the file by their name in the model, and those outside the prefix. Entries whose shape differs from timm's
    /// are viewed in timm's.
    pub(crate) fn by_name(
        &self,
        file: &mut Container,
    ) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let mut names = BTreeMap::new();
        let mut outside = BTreeSet::new();
        for (key, entry) in &mut file.entries {
            let Some(name) = key.strip_prefix(&self.prefix) else {
                outside.insert(key.clone());
                continue;
            };
            let canonical = self.layout.canonical(name);
            if self.layout == Layout::OpenClip {
                let axes = match name {
                    "class_embedding" => 2,
                    "positional_embedding" => 1,
                    _ => 0,
                };
                for _ in 0..axes {
                    let numbers = entry.shape.iter().product();
                    entry.shape.insert(0, 1);
                    entry.strides.insert(0, numbers);
                }
                if name == "proj" {
                    entry.shape.reverse();
                    entry.strides.reverse();
                }
            }
            names.insert(canonical, key.clone());
        }
        (names, outside)
    }
}

impl Layout {
    /// The name of a tensor in timm's naming; unknown names stay as they are.
    fn canonical(self, name: &str) -> String {
        match self {
            Self::Timm => block_scale(name).unwrap_or_else(|| name.to_owned()),
            Self::OpenClip => open_clip(name),
            Self::CrossScale => cross_scale(name),
        }
    }
}

/// Another spelling of LayerScale.
fn block_scale(name: &str) -> Option<String> {
    [(".gamma_1", ".ls1.gamma"), (".gamma_2", ".ls2.gamma")]
        .into_iter()
        .find_map(|(other, ours)| Some(format!("{}{ours}", name.strip_suffix(other)?)))
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
