//! Reading a configuration off the names and shapes of a checkpoint.

use std::collections::BTreeMap;

use super::container::{Container, Entry};
use super::directory::{DESCRIPTION_KEY, Description};
use super::layout::Layout;
use super::options::{Heads, LoadOptions};
use super::positions::{close, is_sin_cos};
use crate::{Activation, BackboneError, Interpolation, PositionKind, VitConfig, sin_cos_3d};

/// The configuration of the model in a file, and what could not be read off it and was assumed.
///
/// `names` maps names of the model to keys of the file.
pub(crate) fn infer(
    file: &Container,
    names: &BTreeMap<String, String>,
    layout: Layout,
    options: &LoadOptions,
) -> Result<(VitConfig, Vec<String>), BackboneError> {
    let look = |name: &str| names.get(name).and_then(|key| file.entries.get(key));
    let cannot = |problem: String| BackboneError::Checkpoint {
        path: file.path.clone(),
        problem: format!("its configuration cannot be inferred: {problem}"),
        remedy: "give the configuration explicitly".into(),
    };
    let axes = |name: &str, count: usize| -> Result<&Entry, BackboneError> {
        match look(name) {
            Some(entry) if entry.shape.len() == count => Ok(entry),
            Some(entry) => Err(cannot(format!(
                "`{name}` has the shape {:?}, not {count} axes",
                entry.shape
            ))),
            None => Err(cannot(format!("`{name}` is absent"))),
        }
    };
    if look("patch_embed.0.proj.weight").is_some() {
        return Err(cannot(
            "it embeds channels group by group, and which channels form a group is not stored"
                .into(),
        ));
    }
    if look("patch_embed.weight_generator.weight_tokens").is_some() {
        return Err(cannot(
            "its patch embedding is generated from wavelengths, which are not stored".into(),
        ));
    }
    let weight = look("patch_embed.proj.weight");
    let three = weight.is_some_and(|entry| entry.shape.len() == 5);
    let patch = &axes("patch_embed.proj.weight", if three { 5 } else { 4 })?.shape;
    let [dim, patch_channels, patch_size] = [patch[0], patch[1], patch[patch.len() - 1]];
    if patch[patch.len() - 2] != patch_size || patch.contains(&0) || (three && patch[2] != 1) {
        return Err(cannot(format!(
            "patches of {:?} pixels are not square, or span several frames",
            &patch[2..]
        )));
    }
    let depth = (0..)
        .take_while(|block| look(&format!("blocks.{block}.norm1.weight")).is_some())
        .count();
    let beyond = names.keys().any(|name| {
        let number = name
            .strip_prefix("blocks.")
            .and_then(|rest| rest.split('.').next());
        number
            .and_then(|number| number.parse::<usize>().ok())
            .is_some_and(|block| block >= depth)
    });
    if depth == 0 || beyond {
        return Err(cannot("its blocks are not numbered 0, 1, 2, ...".into()));
    }
    let description = match file.metadata.get(DESCRIPTION_KEY) {
        Some(text) => {
            Description::parse(text).map_err(|e| cannot(format!("`config.json`: {e}")))?
        }
        None => Description::default(),
    };
    let class_token = look("cls_token").is_some();
    let register_tokens = match look("reg_token") {
        Some(entry) => entry.shape.get(1).copied().unwrap_or(0),
        None => 0,
    };
    let prefix = usize::from(class_token) + register_tokens;
    let rotary = look("pos_embed").is_none()
        && (look("rope_embed.periods").is_some()
            || (look("reg_token").is_some() && look("blocks.0.ls1.gamma").is_some()));
    let mut assumed = Vec::new();
    let frames = match look("pos_embed").filter(|_| three) {
        None if three => return Err(cannot("how many frames an image has is not stored".into())),
        None => None,
        Some(table) => {
            let found = frames_of(file, table, prefix, dim)?;
            Some(found.ok_or_else(|| {
                cannot("its positions are not the fixed ones of any number of frames".into())
            })?)
        }
    };
    let (table, pos_on_prefix, side) = if let Some((_, side)) = frames {
        (None, true, side)
    } else if rotary {
        let side = description.image_size.unwrap_or(224) / patch_size;
        (None, false, side.max(1))
    } else {
        let table = axes("pos_embed", 3)?;
        let rows = table.shape[1];
        let (pos_on_prefix, side) = grid(rows, prefix, register_tokens > 0).ok_or_else(|| {
            cannot(format!(
                "{rows} positions make no square grid with {prefix} prefix tokens"
            ))
        })?;
        (Some(table), pos_on_prefix, side)
    };
    let image_size = side
        .checked_mul(patch_size)
        .ok_or_else(|| cannot("its image size overflows".into()))?;

    // A quarter as many periods as a head has channels.
    let periods = look("rope_embed.periods").and_then(|entry| entry.shape.first().copied());
    let told = periods
        .filter(|periods| *periods > 0)
        .map(|periods| dim / periods.saturating_mul(4))
        .or(description.heads);
    let heads = match (options.heads, told) {
        (Heads::Given(heads), _) | (Heads::FromMetadata, Some(heads)) => heads,
        (Heads::ChannelsPerHead(channels), _) => {
            let heads = dim / channels.max(1);
            assumed.push(format!("{heads} attention heads of {channels} channels"));
            heads
        }
        (Heads::FromMetadata, None) => {
            return Err(BackboneError::Checkpoint {
                path: file.path.clone(),
                problem: "the number of attention heads cannot be read off a checkpoint".into(),
                remedy: format!(
                    "give it with the option `heads`; 64 channels per head would be {}",
                    dim / 64
                ),
            });
        }
    };
    let told = options.layer_norm_eps.or(description.layer_norm_eps);
    let layer_norm_eps = told.unwrap_or_else(|| {
        let (epsilon, text) = match layout {
            Layout::OpenClip => (1e-5, "LayerNorm epsilon 1e-5"),
            _ if rotary || three => (1e-5, "LayerNorm epsilon 1e-5"),
            Layout::Timm | Layout::CrossScale | Layout::Clay | Layout::Transformers => {
                (1e-6, "LayerNorm epsilon 1e-6")
            }
        };
        assumed.push(text.to_owned());
        epsilon
    });
    let pre_norm = look("norm_pre.weight").is_some();
    if pre_norm && description.activation.is_none() {
        assumed.push("exact GELU (weights trained with QuickGELU look the same)".to_owned());
    }
    // A map with a bias behind the last norm is a classifier; CLIP's projection has none.
    let projection = look("head.weight")
        .filter(|_| pre_norm && look("head.bias").is_none())
        .and_then(|entry| entry.shape.first().copied());
    let mlp_dim = axes("blocks.0.mlp.fc1.weight", 2)?.shape[0];
    let gated = look("blocks.0.mlp.fc2.weight")
        .is_some_and(|fc2| fc2.shape.get(1).is_some_and(|inner| 2 * inner == mlp_dim));
    let mut config = VitConfig {
        image_size,
        patch_size,
        in_channels: frames
            .map_or(1, |(frames, _)| frames)
            .checked_mul(patch_channels)
            .ok_or_else(|| cannot("its number of channels overflows".into()))?,
        dim,
        depth,
        heads,
        mlp_dim,
        layer_norm_eps,
        class_token,
        register_tokens,
        patch_bias: look("patch_embed.proj.bias").is_some(),
        patch_padding: 0,
        spectral_embed: None,
        channel_groups: None,
        frames: frames.map(|(frames, _)| frames),
        coordinates: look("temporal_embed_enc.scale").is_some(),
        positions: if frames.is_some() {
            PositionKind::SinCos3d
        } else if rotary {
            PositionKind::Rotary
        } else {
            PositionKind::Learned
        },
        interpolation: if frames.is_some() {
            Interpolation::BicubicCorners
        } else {
            Interpolation::Antialiased
        },
        pos_on_prefix: pos_on_prefix || (prefix == 0 && !rotary),
        pre_norm,
        layer_scale: look("blocks.0.ls1.gamma").map(|_| 1e-5),
        drop_path: 0.0,
        qkv_bias: look("blocks.0.attn.qkv.bias").is_some(),
        proj_bias: look("blocks.0.attn.proj.bias").is_some(),
        final_norm: look("norm.weight").is_some(),
        activation: if gated {
            Activation::SwiGlu
        } else {
            description.activation.unwrap_or_default()
        },
        projection,
    };
    // The size of the table is that of bytes in the file, so reading it is bounded.
    if let Some(table) = table
        && dim.is_multiple_of(4)
        && table.shape == [1, config.position_rows(), dim]
        && table.dtype.is_float()
    {
        let values = file.read("pos_embed", table)?;
        if is_sin_cos(&values, &config) {
            config.positions = PositionKind::SinCos2d;
        }
    }
    Ok((config, assumed))
}

/// Number of frames and side of the grid whose fixed table this is: several would have as many rows.
fn frames_of(
    file: &Container,
    table: &Entry,
    prefix: usize,
    dim: usize,
) -> Result<Option<(usize, usize)>, BackboneError> {
    let &[1, rows, width] = table.shape.as_slice() else {
        return Ok(None);
    };
    let patches = rows.saturating_sub(prefix);
    if patches == 0 || width != dim || !dim.is_multiple_of(16) || !table.dtype.is_float() {
        return Ok(None);
    }
    let values = file.read("pos_embed", table)?;
    let matches = |frames: &usize| {
        let side = (patches / frames).isqrt();
        if frames * side * side != patches {
            return false;
        }
        let mut fixed = vec![0.0; prefix * dim];
        fixed.extend(sin_cos_3d(dim, [*frames, side, side]));
        close(&values, &fixed)
    };
    let frames = (1..=patches.min(64)).find(matches);
    Ok(frames.map(|frames| (frames, (patches / frames).isqrt())))
}

/// Whether the prefix tokens have positions, and the side of the patch grid, from the number of positions.
///
/// Models with registers keep positions for patches alone (timm: `no_embed_class`), so that reading is tried first for them.
fn grid(rows: usize, prefix: usize, registers: bool) -> Option<(bool, usize)> {
    let side = |count: usize| {
        let side = count.isqrt();
        (side > 0 && side * side == count).then_some(side)
    };
    let with = rows
        .checked_sub(prefix)
        .and_then(side)
        .map(|side| (true, side));
    let without = side(rows).map(|side| (false, side));
    if registers {
        without.or(with)
    } else {
        with.or(without)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_follows_from_the_rows() {
        assert_eq!(grid(197, 1, false), Some((true, 14)));
        assert_eq!(grid(196, 1, false), Some((false, 14)));
        assert_eq!(grid(1369, 5, true), Some((false, 37)));
        assert_eq!(grid(201, 5, true), Some((true, 14)));
        assert_eq!(grid(198, 1, false), None);
        assert_eq!(grid(0, 1, false), None);
    }
}
