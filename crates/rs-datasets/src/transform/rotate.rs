//! Turns by any angle about the centre of the image.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::geometry::{check_masks, compose, move_objects};
use crate::{DataError, Image, Label, Mask, Sample, random};

/// A turn about the centre; the extent stays, what leaves it is cut off, what comes in is padding.
///
/// Values are bilinear means of the four pixels around a place, over those that are measurements; a result pixel is valid when these carry at
/// least half of the weight. Padding is invalid in the valid mask and -1 in a label mask, which takes the nearest pixel. Objects
/// turn with the pixels and are cut by [`crate::CutRule::default`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// Degrees, counter-clockwise as seen with row 0 on top (as [`super::Symmetry::Rotate90`]).
    pub degrees: f64,
    /// Pixel value of the padding.
    pub value: f32,
}

impl Rotate {
    /// The turned sample.
    ///
    /// # Errors
    /// [`DataError::Setting`] for an angle that is not finite; [`DataError::Shape`] when a mask has another extent than the image.
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        if !self.degrees.is_finite() {
            return Err(DataError::Setting {
                what: "rotate".into(),
                detail: format!("degrees {}; expected a finite number", self.degrees),
            });
        }
        check_masks(&sample)?;
        let (height, width) = (sample.image.height, sample.image.width);
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let (cx, cy) = (width as f64 / 2.0, height as f64 / 2.0);
        // A place of the result lies in the source where the turn came from: clockwise on the screen.
        let map = [
            cx - cos * cx + sin * cy,
            cos,
            -sin,
            cy - sin * cx - cos * cy,
            sin,
            cos,
        ];
        let spots: Vec<Option<Spot>> = (0..height * width)
            .map(|at| {
                let (x, y) = ((at % width) as f64 + 0.5, (at / width) as f64 + 0.5);
                let old_x = map[0] + map[1] * x + map[2] * y;
                let old_y = map[3] + map[4] * x + map[5] * y;
                Spot::new(old_x, old_y, height, width)
            })
            .collect();
        let image = &sample.image;
        let mut valid = vec![true; height * width];
        let mut data = Vec::with_capacity(image.data.len());
        for band in 0..image.bands.len() {
            let plane = image.band(band);
            let usable = |at: usize| {
                plane[at].is_finite() && sample.valid.as_ref().is_none_or(|mask| mask.valid[at])
            };
            for (at, spot) in spots.iter().enumerate() {
                let mean = spot.as_ref().and_then(|spot| spot.mean(plane, usable));
                valid[at] &= mean.is_some();
                data.push(mean.unwrap_or(self.value));
            }
        }
        if let Label::Segmentation { classes, .. } = &sample.label {
            let classes = spots
                .iter()
                .map(|spot| spot.as_ref().map_or(-1, |spot| classes[spot.nearest]))
                .collect();
            sample.label = Label::Segmentation {
                height,
                width,
                classes,
            };
        }
        move_objects(&mut sample, map, height, width)?;
        let image = &sample.image;
        sample.image = Image::new(image.bands.clone(), image.unit, height, width, data)?;
        sample.valid = valid.contains(&false).then_some(Mask {
            height,
            width,
            valid,
        });
        sample.geo = sample.geo.map(|geo| compose(&geo, map));
        Ok(sample)
    }
}

/// A place between source pixels.
struct Spot {
    /// Indices of the four pixels around it and their weights.
    around: [(usize, f64); 4],
    /// Index of the pixel that it lies in.
    nearest: usize,
}

impl Spot {
    /// `None` outside the image. Beyond the outermost centres the border repeats.
    fn new(x: f64, y: f64, height: usize, width: usize) -> Option<Self> {
        // A whole turn must not lose the border to rounding.
        const GRACE: f64 = 1e-9;
        let axis = |place: f64, extent: usize| -> Option<([usize; 2], f64, usize)> {
            if place < -GRACE || place > extent as f64 + GRACE {
                return None;
            }
            let last = extent - 1;
            let centre = (place - 0.5).clamp(0.0, last as f64);
            let low = centre.floor() as usize;
            let nearest = (place.max(0.0) as usize).min(last);
            Some(([low, (low + 1).min(last)], centre - low as f64, nearest))
        };
        let (columns, u, column) = axis(x, width)?;
        let (rows, v, row) = axis(y, height)?;
        Some(Self {
            around: [
                (rows[0] * width + columns[0], (1.0 - u) * (1.0 - v)),
                (rows[0] * width + columns[1], u * (1.0 - v)),
                (rows[1] * width + columns[0], (1.0 - u) * v),
                (rows[1] * width + columns[1], u * v),
            ],
            nearest: row * width + column,
        })
    }

    /// Mean over the usable pixels; `None` when they carry less than half of the weight.
    fn mean(&self, plane: &[f32], usable: impl Fn(usize) -> bool) -> Option<f32> {
        let (mut sum, mut total) = (0.0, 0.0);
        for &(at, weight) in &self.around {
            if weight > 0.0 && usable(at) {
                sum += weight * f64::from(plane[at]);
                total += weight;
            }
        }
        (total >= 0.5).then(|| (sum / total) as f32)
    }
}

/// A turn by a uniformly drawn angle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomRotate {
    /// Largest angle in degrees to either side, 0 to 180.
    pub max_degrees: f64,
    /// Pixel value of the padding.
    pub value: f32,
}

impl RandomRotate {
    /// The turned sample.
    ///
    /// # Errors
    /// [`DataError::Setting`] for an angle outside 0 to 180; as [`Rotate::apply`].
    pub fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Sample, DataError> {
        self.check()?;
        let degrees = random::uniform(rng, -self.max_degrees, self.max_degrees);
        Rotate {
            degrees,
            value: self.value,
        }
        .apply(sample)
    }

    pub(super) fn check(&self) -> Result<(), DataError> {
        if (0.0..=180.0).contains(&self.max_degrees) {
            return Ok(());
        }
        Err(DataError::Setting {
            what: "random_rotate".into(),
            detail: format!("max_degrees {}; expected 0 to 180", self.max_degrees),
        })
    }
}
