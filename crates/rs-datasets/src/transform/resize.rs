//! Resizing, equal to torchvision's `resize(..., antialias=True)` on float tensors.

use serde::{Deserialize, Serialize};

use super::filter::{Interpolation, Taps, taps};
use super::geometry::{check_extent, check_masks, compose, move_objects};
use crate::{DataError, Image, Label, Mask, Sample};

/// Resizes to a fixed extent; label masks by the nearest pixel.
///
/// Pixels without a measurement take no part: a result pixel is the weighted mean of the valid ones and is itself valid when they
/// carry at least half of the filter's weight; otherwise it is 0 and invalid. Values are not rounded or limited, so bicubic may
/// leave the range of the unit by overshoot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// How values between pixels are found.
    pub interpolation: Interpolation,
}

impl Resize {
    /// The resized sample.
    ///
    /// # Errors
    /// [`DataError::Setting`] for an extent of 0 or beyond 65,536; [`DataError::Shape`] when a mask has another extent than the
    /// image.
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        let (height, width) = (self.height, self.width);
        check_extent("resize", height, width)?;
        check_masks(&sample)?;
        let image = &sample.image;
        let (old_height, old_width) = (image.height, image.width);
        if (height, width) == (old_height, old_width) {
            return Ok(sample);
        }
        let rows = taps(old_height, height, self.interpolation);
        let columns = taps(old_width, width, self.interpolation);
        let plane = |values: &[f32]| separable(values, old_width, &rows, &columns);

        let mut data = Vec::with_capacity(image.bands.len() * height * width);
        let mut valid = None;
        if sample.valid.is_none() && image.data.iter().all(|value| value.is_finite()) {
            (0..image.bands.len()).for_each(|band| data.extend(plane(image.band(band))));
        } else {
            let mut all = vec![true; height * width];
            for band in 0..image.bands.len() {
                let values = image.band(band);
                let usable: Vec<bool> = values
                    .iter()
                    .enumerate()
                    .map(|(at, value)| {
                        value.is_finite() && sample.valid.as_ref().is_none_or(|mask| mask.valid[at])
                    })
                    .collect();
                let known: Vec<f32> = values
                    .iter()
                    .zip(&usable)
                    .map(|(&v, &ok)| if ok { v } else { 0.0 })
                    .collect();
                let weight: Vec<f32> = usable.iter().map(|&ok| f32::from(u8::from(ok))).collect();
                let (sums, weights) = (plane(&known), plane(&weight));
                for (at, (sum, weight)) in sums.into_iter().zip(weights).enumerate() {
                    let enough = weight >= 0.5;
                    all[at] &= enough;
                    data.push(if enough { sum / weight } else { 0.0 });
                }
            }
            valid = Some(Mask {
                height,
                width,
                valid: all,
            });
        }
        if let Label::Segmentation { classes, .. } = &sample.label {
            let rows = taps(old_height, height, Interpolation::Nearest);
            let columns = taps(old_width, width, Interpolation::Nearest);
            let classes = rows
                .iter()
                .flat_map(|row| {
                    columns
                        .iter()
                        .map(|column| classes[row.start * old_width + column.start])
                })
                .collect();
            sample.label = Label::Segmentation {
                height,
                width,
                classes,
            };
        }
        let (sy, sx) = (
            old_height as f64 / height as f64,
            old_width as f64 / width as f64,
        );
        let map = [0.0, sx, 0.0, 0.0, 0.0, sy];
        move_objects(&mut sample, map, height, width)?;
        let image = &sample.image;
        sample.geo = sample.geo.map(|geo| compose(&geo, map));
        sample.image = Image::new(image.bands.clone(), image.unit, height, width, data)?;
        sample.valid = valid;
        Ok(sample)
    }
}

/// One plane resampled along its columns, then along its rows.
fn separable(values: &[f32], old_width: usize, rows: &[Taps], columns: &[Taps]) -> Vec<f32> {
    let width = columns.len();
    let mut wide: Vec<f32> = Vec::with_capacity(values.len() / old_width * width);
    for line in values.chunks_exact(old_width) {
        for tap in columns {
            let source = &line[tap.start..tap.start + tap.weights.len()];
            wide.push(
                source
                    .iter()
                    .zip(&tap.weights)
                    .map(|(value, weight)| value * weight)
                    .sum(),
            );
        }
    }
    let mut result = vec![0f32; rows.len() * width];
    for (line, tap) in result.chunks_exact_mut(width).zip(rows) {
        for (k, &weight) in tap.weights.iter().enumerate() {
            let source = &wide[(tap.start + k) * width..(tap.start + k + 1) * width];
            line.iter_mut()
                .zip(source)
                .for_each(|(sum, value)| *sum += weight * value);
        }
    }
    result
}
