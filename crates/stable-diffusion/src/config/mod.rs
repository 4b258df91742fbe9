//! Sizes of the three networks, read from the descriptions beside their weights.

mod fields;
mod text;
mod unet;
mod vae;

pub(crate) use fields::{Fields, text_of};
pub use text::TextConfig;
pub use unet::UnetConfig;
pub use vae::VaeConfig;

use crate::DiffusionError;

/// More levels than any model has: a factor of two each.
const MAX_LEVELS: usize = 8;

/// Refuses sizes of zero and those of no model, before anything is multiplied.
fn check_size(field: &str, found: usize) -> Result<(), DiffusionError> {
    if (1..=1 << 24).contains(&found) {
        return Ok(());
    }
    Err(DiffusionError::config(field, found, "1 to 16777216"))
}

/// Checks the channels of every level.
fn check_channels(channels: &[usize], groups: usize) -> Result<(), DiffusionError> {
    if !(1..=MAX_LEVELS).contains(&channels.len()) {
        return Err(DiffusionError::config(
            "block_out_channels",
            format!("{} long", channels.len()),
            format!("1 to {MAX_LEVELS} long"),
        ));
    }
    check_size("norm_num_groups", groups)?;
    for channels in channels {
        check_size("block_out_channels", *channels)?;
        if !channels.is_multiple_of(groups) {
            return Err(DiffusionError::config(
                "norm_num_groups",
                groups,
                format!("a divisor of {channels} channels"),
            ));
        }
    }
    Ok(())
}
