//! Padding to a minimum extent.

use serde::{Deserialize, Serialize};

use super::geometry::{check_extent, rearrange};
use crate::{DataError, Sample};

/// Extends the image to at least the given extent; with an odd margin the smaller half is on top and left.
///
/// Padding is no measurement: it is marked invalid in the valid mask and -1 ("ignore") in a label mask.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadTo {
    /// Least number of rows.
    pub height: usize,
    /// Least number of columns.
    pub width: usize,
    /// Pixel value of the padding.
    pub value: f32,
}

impl PadTo {
    /// The padded sample; unchanged when it is large enough.
    ///
    /// # Errors
    /// [`DataError::Setting`] for an extent of 0 or beyond 65,536.
    pub fn apply(&self, sample: Sample) -> Result<Sample, DataError> {
        check_extent("pad_to", self.height, self.width)?;
        let (old_height, old_width) = (sample.image.height, sample.image.width);
        let (height, width) = (self.height.max(old_height), self.width.max(old_width));
        if (height, width) == (old_height, old_width) {
            return Ok(sample);
        }
        let (top, left) = ((height - old_height) / 2, (width - old_width) / 2);
        let map = [-(left as f64), 1.0, 0.0, -(top as f64), 0.0, 1.0];
        rearrange(sample, height, width, self.value, map, |row, column| {
            let inside = (top..top + old_height).contains(&row)
                && (left..left + old_width).contains(&column);
            inside.then(|| (row - top, column - left))
        })
    }
}
