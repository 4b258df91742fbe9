//! The namings that published checkpoints use, and their translation to timm's.
//!
//! | naming | from | what differs beside names |
//! |---|---|---|
//! | timm | timm, MAE, DINO and what is built on them | - |
//! | DINOv2's own | `dinov2`: `register_tokens`, `mlp.w12`, `mlp.w3` | with registers, the class token's position is to be added to it |
//! | OpenCLIP | `open_clip`, `visual.*` (the names of OpenAI's CLIP) | tokens without leading axes, `proj` `[dim, outputs]` |
//! | transformers | `ViTModel`, `Dinov2Model`, `ViTMAEModel`, `CLIPVisionModel`, `DINOv3ViTModel` | queries, keys, values (and gates) apart |
//! | DINOv3's own | `dinov3`: `storage_tokens`, `mlp.w1`, `mlp.w2` | gates apart, a mask over the fused bias |
//! | Clay | `claymodel`, `model.encoder.*`: `transformer.layers.N.0.to_qkv` | - |
//! | Cross-Scale MAE | `models_mae/MAE_ViT_Baseline.py`: `encoder.N`, `encoder_pos_embed`, `encoder_norm` | - |

use std::collections::{BTreeMap, BTreeSet};

use super::container::{Container, Entry};
use crate::BackboneError;

mod names;
mod parts;

/// Which names a checkpoint uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// timm's.
    Timm,
    /// OpenCLIP's.
    OpenClip,
    /// That of Cross-Scale MAE's pretraining.
    CrossScale,
    /// Clay's.
    Clay,
    /// That of the transformers library.
    Transformers,
}

/// What stands in front of the model's names, and the naming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) prefix: String,
    pub(crate) layout: Layout,
}

/// A name that a naming has, and another without which that is chance: other networks have `conv1.weight` too.
const ANCHORS: [(Layout, &str, &str); 10] = [
    (
        Layout::Timm,
        "patch_embed.weight_generator.weight_tokens",
        "cls_token",
    ),
    (
        Layout::Clay,
        "patch_embedding.weight_generator.weight_tokens",
        "cls_token",
    ),
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
    (
        Layout::Transformers,
        "embeddings.patch_embeddings.projection.weight",
        "embeddings.cls_token",
    ),
    (
        Layout::Transformers,
        "embeddings.patch_embeddings.weight",
        "embeddings.cls_token",
    ),
    (
        Layout::Transformers,
        "embeddings.patch_embedding.weight",
        "embeddings.class_embedding",
    ),
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
                    "no vision transformer in a known naming: no key ends in `patch_embed.proj.weight` or \
                     `embeddings.patch_embeddings.*`, and none is `conv1.weight` beside `class_embedding`; it has {some:?} ..."
                ),
                "convert the keys to timm's names first".into(),
            ));
        }
        (None, [one]) => *one,
        (None, several) => {
            // Clay keeps the teacher of its pretraining, another model. Self-distillation keeps two copies; the teacher is the
            // model that its authors publish.
            let clay = |p: &&&str| models.get(**p) == Some(&Layout::Clay);
            let mut teachers: Vec<_> = several.iter().filter(clay).collect();
            if teachers.is_empty() {
                teachers = several.iter().filter(|p| p.contains("teacher")).collect();
            }
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

/// The tensors of a file under the names of the model.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Keys by name.
    pub(crate) names: BTreeMap<String, String>,
    /// Keys that do not have the prefix.
    pub(crate) outside: BTreeSet<String>,
    /// What is to be added to the tensor of a name.
    pub(crate) added: BTreeMap<String, Entry>,
    /// What the tensor of a name is to be multiplied by.
    pub(crate) factors: BTreeMap<String, Entry>,
}

impl Found {
    /// The tensors of the file by their name in the model. Entries whose shape differs from timm's are viewed in timm's.
    pub(crate) fn named(&self, file: &mut Container) -> Named {
        let mut named = Named::default();
        for (key, entry) in &mut file.entries {
            let Some(name) = key.strip_prefix(&self.prefix) else {
                named.outside.insert(key.clone());
                continue;
            };
            if matches!(self.layout, Layout::OpenClip | Layout::Transformers) {
                view_clip(name, entry);
            }
            named.names.insert(self.layout.canonical(name), key.clone());
        }
        parts::join(&mut named, file);
        let theirs = match self.layout {
            Layout::Timm => Some(("register_tokens", "pos_embed")),
            Layout::Transformers => Some((
                "embeddings.register_tokens",
                "embeddings.position_embeddings",
            )),
            Layout::OpenClip | Layout::CrossScale | Layout::Clay => None,
        };
        let key = |name: &str| format!("{}{name}", self.prefix);
        if let Some((_, table)) =
            theirs.filter(|(registers, _)| file.entries.contains_key(&key(registers)))
        {
            let table = file.entries.get_mut(&key(table));
            if let Some(class) = table.and_then(split_class_row) {
                named.added.insert("cls_token".into(), class);
            }
        }
        named
    }
}

/// OpenCLIP and transformers' CLIP keep tokens without leading axes, OpenCLIP the projection inputs first.
fn view_clip(name: &str, entry: &mut Entry) {
    let axes = match name {
        "class_embedding" | "embeddings.class_embedding" => 2,
        "positional_embedding" | "embeddings.position_embedding.weight" => 1,
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

/// Takes the class token's row off a position table `[1, 1 + patches, dim]`, and returns it. In DINOv2's own files registers
/// have no positions, so the class token's alone would remain in front; added to the token once, it is the same model.
fn split_class_row(table: &mut Entry) -> Option<Entry> {
    let (&[1, rows, dim], &[_, stride, _]) = (&table.shape[..], &table.strides[..]) else {
        return None;
    };
    if rows < 2 {
        return None;
    }
    let class = Entry {
        shape: vec![1, 1, dim],
        ..table.clone()
    };
    table.shape[1] = rows - 1;
    // An empty tensor may claim any stride; nothing is read of it.
    let skipped = stride.saturating_mul(table.dtype.bytes()) as u64;
    table.offset = table.offset.saturating_add(skipped);
    Some(class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoredType;

    #[test]
    fn a_class_row_is_split_off_and_other_shapes_are_left_alone() {
        let entry = |shape: &[usize]| Entry {
            shape: shape.to_vec(),
            dtype: StoredType::F16,
            offset: 100,
            strides: crate::checkpoint::container::contiguous(shape),
            parts: Vec::new(),
        };
        let mut table = entry(&[1, 5, 8]);
        let class = split_class_row(&mut table).unwrap();
        assert_eq!((class.shape, class.offset), (vec![1, 1, 8], 100));
        assert_eq!((table.shape, table.offset), (vec![1, 4, 8], 116));
        for shape in [&[5, 8][..], &[1, 1, 8], &[2, 5, 8]] {
            assert!(split_class_row(&mut entry(shape)).is_none(), "{shape:?}");
        }
    }
}
