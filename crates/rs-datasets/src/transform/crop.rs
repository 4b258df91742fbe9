//! Windows of an image.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::geometry::{check_extent, rearrange};
use super::{Interpolation, Resize};
use crate::{DataError, Sample, random};

/// The window of `height` x `width` pixels whose upper left corner is (`top`, `left`).
pub(super) fn window(
    sample: Sample,
    step: &'static str,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
) -> Result<Sample, DataError> {
    check_fits(&sample, step, height, width)?;
    if (height, width) == (sample.image.height, sample.image.width) {
        return Ok(sample);
    }
    let map = [left as f64, 1.0, 0.0, top as f64, 0.0, 1.0];
    rearrange(sample, height, width, 0.0, map, |row, column| {
        Some((top + row, left + column))
    })
}

/// That a window is not larger than the image.
fn check_fits(
    sample: &Sample,
    step: &'static str,
    height: usize,
    width: usize,
) -> Result<(), DataError> {
    check_extent(step, height, width)?;
    if height > sample.image.height || width > sample.image.width {
        return Err(DataError::Shape {
            expected: format!(
                "an image of at least {height} x {width} for {step} (pad or resize it first)"
            ),
            found: format!("{} x {}", sample.image.height, sample.image.width),
        });
    }
    Ok(())
}

/// The central window; with an odd margin the smaller half is on top and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl CenterCrop {
    /// The central window of the sample.
    ///
    /// # Errors
    /// [`DataError::Shape`] when the image is smaller.
    pub fn apply(&self, sample: Sample) -> Result<Sample, DataError> {
        let top = sample.image.height.saturating_sub(self.height) / 2;
        let left = sample.image.width.saturating_sub(self.width) / 2;
        window(sample, "center_crop", top, left, self.height, self.width)
    }
}

/// A window at a uniformly drawn place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCrop {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl RandomCrop {
    /// The drawn window of the sample.
    ///
    /// # Errors
    /// [`DataError::Shape`] when the image is smaller.
    pub fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Sample, DataError> {
        check_fits(&sample, "random_crop", self.height, self.width)?;
        let top = random::below(rng, sample.image.height - self.height + 1);
        let left = random::below(rng, sample.image.width - self.width + 1);
        window(sample, "random_crop", top, left, self.height, self.width)
    }
}

/// A window with a random share of the area, resized. Its aspect ratio is that of the image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCrop {
    /// Rows of the result.
    pub height: usize,
    /// Columns of the result.
    pub width: usize,
    /// Smallest share of the area, above 0.
    pub min_area: f64,
    /// Largest share of the area, at most 1.
    pub max_area: f64,
    /// How the window is resized.
    pub interpolation: Interpolation,
}

impl RandomResizedCrop {
    /// The drawn window, resized. Label and valid masks follow as in [`Resize`].
    ///
    /// # Errors
    /// [`DataError::Setting`] unless 0 < min_area <= max_area <= 1.
    pub fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Sample, DataError> {
        self.check()?;
        let side = random::uniform(rng, self.min_area, self.max_area).sqrt();
        let scaled = |extent: usize| ((extent as f64 * side).round() as usize).clamp(1, extent);
        let (height, width) = (scaled(sample.image.height), scaled(sample.image.width));
        let sample = RandomCrop { height, width }.apply(sample, rng)?;
        Resize {
            height: self.height,
            width: self.width,
            interpolation: self.interpolation,
        }
        .apply(sample)
    }

    /// That the settings make sense.
    pub(super) fn check(&self) -> Result<(), DataError> {
        check_extent("random_resized_crop", self.height, self.width)?;
        if self.min_area > 0.0 && self.min_area <= self.max_area && self.max_area <= 1.0 {
            return Ok(());
        }
        Err(DataError::Setting {
            what: "random_resized_crop".into(),
            detail: format!(
                "area {}..{}; expected 0 < min_area <= max_area <= 1",
                self.min_area, self.max_area
            ),
        })
    }
}
