//! Finding out what a file holds, from the names and shapes of its tensors and from its position table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Family, Preset, presets};
use crate::checkpoint::{Container, Layout, close, computed, expected, find};
use crate::{BackboneError, Format, Found, Loaded, sin_cos_2d};

/// What a file holds. Recognising it reads its header and its position table, no weights.
#[derive(Debug, Clone, Serialize)]
pub struct Recognition {
    /// The file.
    pub path: PathBuf,
    /// Its container.
    pub format: Format,
    /// The dictionary in it, such as `model`; empty at the top.
    pub nested: String,
    /// What stands in front of the model's names.
    pub prefix: String,
    /// Number of tensors in the dictionary.
    pub tensors: usize,
    /// The tensors of the model under their names, with key, shape and type in the file.
    pub found: Vec<Loaded>,
    /// Families that the names fit, the likeliest first; never empty.
    pub families: Vec<Family>,
    /// Presets of these families whose every tensor is there in its shape. Several fit when weights differ only in what they
    /// were trained on; none fits a model of another size.
    pub presets: Vec<&'static Preset>,
    /// What was seen that speaks for the families.
    pub evidence: Vec<String>,
}

impl Recognition {
    /// The one preset that fits.
    ///
    /// # Errors
    /// [`BackboneError::Checkpoint`] when none fits or several do; the message names them.
    pub fn only(&self) -> Result<&'static Preset, BackboneError> {
        let error = |problem: String, remedy: &str| BackboneError::Checkpoint {
            path: self.path.clone(),
            problem,
            remedy: remedy.into(),
        };
        match self.presets.as_slice() {
            [one] => Ok(one),
            [] => Err(error(
                format!("{self}, and no preset of that size is known"),
                "give the configuration",
            )),
            several => {
                let names: Vec<_> = several.iter().map(|preset| preset.name).collect();
                Err(error(
                    format!("{names:?} all have these tensors"),
                    "name the one it was published as: they differ in their input",
                ))
            }
        }
    }
}

impl fmt::Display for Recognition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families: Vec<_> = self.families.iter().map(|family| family.name()).collect();
        write!(f, "it looks like {}", families.join(" or "))?;
        write!(f, " ({})", self.evidence.join(", "))
    }
}

/// What the names and shapes of a file say.
struct Facts<'a> {
    layout: Layout,
    place: String,
    names: &'a BTreeMap<String, String>,
    /// Whether the position table is the fixed one of MAE; `None` without a table.
    sin_cos: Option<bool>,
    /// Whether the patch embedding has an axis for frames.
    frames: bool,
}

/// Names that every model of a family has, for messages about files that fit none.
fn typical(family: Family) -> &'static [&'static str] {
    const TIMM: [&str; 4] = [
        "patch_embed.proj.weight",
        "pos_embed",
        "blocks.0.attn.qkv.weight",
        "blocks.0.mlp.fc1.weight",
    ];
    match family {
        Family::Mae | Family::Dino | Family::Supervised => &TIMM,
        Family::ScaleMae => &[
            "patch_embed.proj.weight",
            "cls_token",
            "blocks.0.attn.qkv.weight",
            "blocks.0.mlp.fc1.weight",
        ],
        Family::GroupMae => &[
            "patch_embed.0.proj.weight",
            "channel_embed",
            "blocks.0.attn.qkv.weight",
            "blocks.0.mlp.fc1.weight",
        ],
        Family::Prithvi => &[
            "patch_embed.proj.weight",
            "cls_token",
            "blocks.0.attn.qkv.weight",
            "blocks.0.mlp.fc1.weight",
        ],
        Family::Dofa => &[
            "patch_embed.weight_generator.weight_tokens",
            "cls_token",
            "blocks.0.attn.qkv.weight",
            "blocks.0.mlp.fc1.weight",
        ],
        Family::Clay => &[
            "patch_embedding.weight_generator.weight_tokens",
            "cls_token",
            "transformer.layers.0.0.to_qkv.weight",
            "transformer.layers.0.1.net.1.weight",
        ],
        Family::DinoV2 => &[
            "patch_embed.proj.weight",
            "pos_embed",
            "blocks.0.attn.qkv.weight",
            "blocks.0.ls1.gamma",
        ],
        Family::DinoV3 => &[
            "patch_embed.proj.weight",
            "rope_embed.periods",
            "storage_tokens",
            "blocks.0.ls1.gamma",
        ],
        Family::Clip => &[
            "conv1.weight",
            "class_embedding",
            "transformer.resblocks.0.attn.in_proj_weight",
            "transformer.resblocks.0.mlp.c_fc.weight",
        ],
    }
}

/// Says which family of models a checkpoint belongs to, and which presets it may be.
///
/// # Errors
/// [`BackboneError::Io`] and [`BackboneError::Checkpoint`] for files that cannot be read or are damaged; and
/// [`BackboneError::Checkpoint`] for a file of another kind, with what was seen and the families that are near.
pub fn recognise(path: impl AsRef<Path>) -> Result<Recognition, BackboneError> {
    let mut file = Container::open(path.as_ref(), None)?;
    let found = match find(&file, None) {
        Ok(found) => found,
        Err(BackboneError::Checkpoint {
            path,
            problem,
            remedy,
        }) => {
            return Err(BackboneError::Checkpoint {
                path,
                problem: format!("{problem}; {}", near(&file)),
                remedy,
            });
        }
        Err(other) => return Err(other),
    };
    let tensors = file.entries.len();
    let names = found.named(&mut file).names;
    let facts = Facts {
        layout: found.layout,
        place: format!("{}.{}", file.nested, found.prefix),
        sin_cos: sin_cos(&file, &names)?,
        frames: names
            .get("patch_embed.proj.weight")
            .and_then(|key| file.entries.get(key))
            .is_some_and(|entry| entry.shape.len() == 5),
        names: &names,
    };
    let (families, evidence) = facts.families();
    if families.is_empty() {
        let some: Vec<_> = names.keys().take(6).collect();
        return Err(BackboneError::Checkpoint {
            path: file.path.clone(),
            problem: format!(
                "a patch embedding, but no known family; seen: {}; it has {some:?} ...; {}",
                evidence.join(", "),
                near(&file)
            ),
            remedy: "give the configuration, if the model is a plain vision transformer".into(),
        });
    }
    Ok(Recognition {
        presets: presets()
            .filter(|preset| families.contains(&preset.family))
            .filter(|preset| has_every_tensor(&file, &names, preset))
            .collect(),
        path: file.path.clone(),
        format: file.format,
        nested: file.nested.clone(),
        prefix: found.prefix,
        tensors,
        found: names
            .iter()
            .filter_map(|(name, key)| {
                let entry = file.entries.get(key)?;
                let found = Found {
                    key: key.clone(),
                    shape: entry.shape.clone(),
                    dtype: entry.dtype,
                };
                Some(Loaded {
                    name: name.clone(),
                    found,
                })
            })
            .collect(),
        families,
        evidence,
    })
}

impl Facts<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    fn starts(&self, start: &str) -> bool {
        self.names.keys().any(|name| name.starts_with(start))
    }

    /// Families that fit, the likeliest first, and why.
    fn families(&self) -> (Vec<Family>, Vec<String>) {
        let mut seen = Vec::new();
        let mut note = |holds: bool, text: &str| {
            if holds {
                seen.push(text.to_owned());
            }
            holds
        };
        let blocks = self.has("blocks.0.attn.qkv.weight") && self.has("blocks.0.mlp.fc1.weight");
        if !note(blocks, "blocks with a fused query-key-value map") {
            return (Vec::new(), vec!["no blocks of a vision transformer".into()]);
        }
        let clip = note(self.layout == Layout::OpenClip, "OpenCLIP's names")
            | note(self.has("norm_pre.weight"), "a norm in front of the blocks");
        note(self.layout == Layout::Transformers, "transformers' names");
        let periods = note(
            self.has("rope_embed.periods"),
            "periods of rotary positions",
        );
        let frames = note(self.frames, "a patch embedding with an axis for frames");
        let generated = note(
            self.has("patch_embed.weight_generator.weight_tokens"),
            "a patch embedding generated from wavelengths",
        );
        let clay = note(self.layout == Layout::Clay, "Clay's names");
        let groups = note(self.has("channel_embed"), "an embedding of channel groups");
        let scales = note(self.has("blocks.0.ls1.gamma"), "LayerScale");
        let registers = note(self.has("reg_token"), "register tokens");
        let scale_decoder = note(
            self.starts("fpn.") || self.has("mask_token_decoder"),
            "the decoder of Scale-MAE",
        );
        let decoder = note(
            self.starts("decoder") && self.has("mask_token"),
            "a decoder and a mask token",
        );
        let table = self.sin_cos.is_some();
        note(!table, "no position table");
        let fixed = note(self.sin_cos == Some(true), "a fixed sin-cos table");
        note(self.sin_cos == Some(false), "learned positions");
        let classifier = note(
            self.has("head.weight") && self.has("head.bias"),
            "a classifier",
        );
        let distilled = note(
            self.place.contains("teacher")
                || self.place.contains("backbone.")
                || self.starts("head.mlp"),
            "a teacher, a backbone or a projection head",
        );
        let plain = !scales && !registers;
        let families = if generated {
            vec![if clay { Family::Clay } else { Family::Dofa }]
        } else if frames {
            vec![Family::Prithvi]
        } else if clip {
            vec![Family::Clip]
        } else if groups {
            vec![Family::GroupMae]
        } else if plain && (scale_decoder || (!table && self.has("cls_token"))) {
            vec![Family::ScaleMae]
        } else if plain && (fixed || decoder) {
            // An encoder saved by itself may be Scale-MAE's, whose stored table is the same and unused.
            if decoder {
                vec![Family::Mae]
            } else {
                vec![Family::Mae, Family::ScaleMae]
            }
        } else if (scales && registers && !table) || periods {
            vec![Family::DinoV3]
        } else if scales && table {
            vec![Family::DinoV2]
        } else if plain && table && self.has("cls_token") {
            match (distilled, classifier) {
                (true, _) => vec![Family::Dino],
                (false, true) => vec![Family::Supervised],
                (false, false) => vec![Family::Dino, Family::Supervised],
            }
        } else {
            Vec::new()
        };
        (families, seen)
    }
}

/// Whether the position table is the fixed one; `None` without a table.
fn sin_cos(
    file: &Container,
    names: &BTreeMap<String, String>,
) -> Result<Option<bool>, BackboneError> {
    let Some((key, entry)) = names
        .get("pos_embed")
        .and_then(|key| file.entries.get_key_value(key))
    else {
        return Ok(None);
    };
    let [1, rows, dim] = entry.shape[..] else {
        return Ok(Some(false));
    };
    let side = rows.saturating_sub(1).isqrt();
    if side == 0 || side * side + 1 != rows || dim % 4 != 0 || !entry.dtype.is_float() {
        return Ok(Some(false));
    }
    let mut table = vec![0.0; dim];
    table.extend(sin_cos_2d(dim, [side, side]));
    Ok(Some(close(&file.read(key, entry)?, &table)))
}

/// Whether a file has every tensor of a preset that the model does not compute itself, in its shape.
fn has_every_tensor(file: &Container, names: &BTreeMap<String, String>, preset: &Preset) -> bool {
    let config = preset.config();
    expected(&config).iter().all(|needed| {
        match names
            .get(&needed.name)
            .and_then(|key| file.entries.get(key))
        {
            Some(entry) => entry.shape == needed.shape,
            // timm saves image towers without their projection as well.
            None => computed(&config, &needed.name) || needed.name == "head.weight",
        }
    })
}

/// The families that share most names with a file that fits none.
fn near(file: &Container) -> String {
    let has = |name: &str| file.entries.keys().any(|key| key.ends_with(name));
    let mut near: Vec<(usize, String)> = Family::ALL
        .into_iter()
        .filter_map(|family| {
            let names = typical(family);
            let lacks: Vec<_> = names.iter().filter(|name| !has(name)).collect();
            let shared = names.len() - lacks.len();
            (shared > 0).then(|| (shared, format!("{} (it lacks {lacks:?})", family.name())))
        })
        .collect();
    near.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
    match near.first() {
        None => "no family is near".to_owned(),
        Some(&(most, _)) => {
            let texts: Vec<_> = near
                .into_iter()
                .filter(|(shared, _)| *shared == most)
                .map(|(_, text)| text)
                .collect();
            format!("nearest: {}", texts.join("; "))
        }
    }
}
