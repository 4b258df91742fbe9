//! Fixed positions in a checkpoint: present, but computed here; a table that says otherwise is noticed.

use crate::{PositionKind, VitConfig, sin_cos_1d, sin_cos_2d, sin_cos_3d};

/// Largest difference that storage in half precision leaves on values of at most one.
const ROUNDING: f32 = 1e-3;

/// The tables that the model computes itself, so that a file need not have them, by their names in a checkpoint.
pub(crate) fn fixed(config: &VitConfig) -> Vec<(&'static str, Vec<f32>)> {
    match config.positions {
        PositionKind::SinCos2d => {}
        PositionKind::SinCos3d => return vec![("pos_embed", sin_cos_frames(config))],
        PositionKind::Learned
        | PositionKind::SinCosGround
        | PositionKind::SinCosMetadata
        | PositionKind::Rotary => {
            return Vec::new();
        }
    }
    let mut tables = vec![("pos_embed", sin_cos_table(config))];
    if let Some(channels) = &config.channel_groups {
        let groups = channels.groups.len();
        tables.push(("channel_embed", sin_cos_1d(channels.dim, groups)));
        tables.push(("channel_cls_embed", vec![0.0; channels.dim]));
    }
    tables
}

/// Whether the model computes the tensor of this name itself when a file lacks it.
///
/// With rotary positions that is also the bias of the fused map: it is zero in the published weights, and timm leaves it out.
pub(crate) fn computed(config: &VitConfig, name: &str) -> bool {
    match config.positions {
        PositionKind::SinCos2d => {
            ["pos_embed", "channel_embed", "channel_cls_embed"].contains(&name)
        }
        PositionKind::SinCos3d => name == "pos_embed",
        PositionKind::Rotary => name == "rope_embed.periods" || name.ends_with(".attn.qkv.bias"),
        PositionKind::Learned | PositionKind::SinCosGround | PositionKind::SinCosMetadata => false,
    }
}

/// Zeros for prefix tokens, then [`sin_cos_2d`].
fn sin_cos_table(config: &VitConfig) -> Vec<f32> {
    let (side, dim) = (config.grid_side(), config.position_dim());
    let mut table = vec![0.0; config.prefix_rows() * dim];
    table.extend(sin_cos_2d(dim, [side, side]));
    table
}

/// Whether a file may hold the tensor of this name in another shape, which is then left aside: the fixed table of another
/// number of frames.
pub(crate) fn recomputed(config: &VitConfig, name: &str) -> bool {
    config.positions == PositionKind::SinCos3d && name == "pos_embed"
}

/// Zeros for prefix tokens, then [`sin_cos_3d`].
fn sin_cos_frames(config: &VitConfig) -> Vec<f32> {
    let (side, dim) = (config.grid_side(), config.dim);
    let mut table = vec![0.0; config.prefix_rows() * dim];
    table.extend(sin_cos_3d(dim, [config.frame_count(), side, side]));
    table
}

/// Whether a table `[1, rows, dim]` is the fixed one of a configuration.
pub(crate) fn is_sin_cos(values: &[f32], config: &VitConfig) -> bool {
    close(values, &sin_cos_table(config))
}

/// Whether two tables agree up to storage in half precision.
pub(crate) fn close(values: &[f32], table: &[f32]) -> bool {
    values.len() == table.len()
        && values
            .iter()
            .zip(table)
            .all(|(found, expected)| (found - expected).abs() <= ROUNDING)
}
