//! Fixed positions in a checkpoint: present, but computed here; a table that says otherwise is noticed.

use crate::{PositionKind, VitConfig, sin_cos_2d};

/// Largest difference that storage in half precision leaves on values of at most one.
const ROUNDING: f32 = 1e-3;

/// Whether a table `[1, rows, dim]` is the fixed one of a configuration: zeros for prefix tokens, then [`sin_cos_2d`].
pub(crate) fn is_sin_cos(values: &[f32], config: &VitConfig) -> bool {
    let prefix = config.prefix_rows() * config.dim;
    let side = config.grid_side();
    let table = sin_cos_2d(config.dim, [side, side]);
    values.len() == prefix + table.len()
        && values[..prefix].iter().all(|v| v.abs() <= ROUNDING)
        && values[prefix..]
            .iter()
            .zip(&table)
            .all(|(found, expected)| (found - expected).abs() <= ROUNDING)
}

/// Whether the model computes its positions, so that a file need not have them.
pub(crate) fn computed(config: &VitConfig) -> bool {
    config.positions == PositionKind::SinCos2d
}
