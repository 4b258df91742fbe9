//! Outliers and missing pixels.

use serde::{Deserialize, Serialize};

use super::{BandStatistics, Percentiles};
use crate::{DataError, Sample};

/// Limits values band by band; NaN stays NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Lowest value, one for all bands or one per band.
    pub low: Vec<f32>,
    /// Highest value, one for all bands or one per band.
    pub high: Vec<f32>,
}

impl Clip {
    /// Limits at the percentiles that the statistics hold.
    ///
    /// # Errors
    /// [`DataError::Statistics`] when they hold none.
    pub fn from_statistics(statistics: &BandStatistics) -> Result<Self, DataError> {
        let Some(Percentiles { low, high, .. }) = &statistics.percentiles else {
            return Err(DataError::Statistics {
                origin: statistics.source.to_string(),
                detail: "hold no percentiles; compute them with percentiles asked for".into(),
            });
        };
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        Ok(Self {
            low: narrow(low),
            high: narrow(high),
        })
    }

    /// The sample with limited values.
    ///
    /// # Errors
    /// [`DataError::Shape`] when there are neither one nor as many limits as bands, [`DataError::Setting`] when a lower limit is
    /// above the upper one or a limit is NaN.
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        let image = &mut sample.image;
        let bands = image.bands.len();
        let fits = |len: usize| len == 1 || len == bands;
        if !fits(self.low.len()) || !fits(self.high.len()) {
            return Err(DataError::Shape {
                expected: format!("1 or {bands} limits to clip {bands} bands"),
                found: format!("{} lower, {} upper", self.low.len(), self.high.len()),
            });
        }
        let area = image.height * image.width;
        for (band, plane) in image.data.chunks_exact_mut(area).enumerate() {
            let low = self.low[band.min(self.low.len() - 1)];
            let high = self.high[band.min(self.high.len() - 1)];
            // Checked here because `clamp` panics on such limits.
            if low.is_nan() || high.is_nan() || low > high {
                return Err(DataError::Setting {
                    what: "clip".into(),
                    detail: format!(
                        "limits {low}..{high} of band {band}; expected the lower one first"
                    ),
                });
            }
            plane
                .iter_mut()
                .for_each(|value| *value = value.clamp(low, high));
        }
        Ok(sample)
    }
}

/// Gives every pixel without a measurement (masked, NaN or infinite) an explicit value.
///
/// After [`crate::Normalise`] the value 0 is the mean. The valid mask is kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillInvalid {
    /// The value.
    pub value: f32,
}

impl FillInvalid {
    /// The sample with every pixel finite.
    ///
    /// # Errors
    /// [`DataError::Setting`] when the value itself is not finite.
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        if !self.value.is_finite() {
            return Err(DataError::Setting {
                what: "fill_invalid".into(),
                detail: format!("value {}; expected a finite number", self.value),
            });
        }
        let area = sample.image.height * sample.image.width;
        for plane in sample.image.data.chunks_exact_mut(area) {
            for (pixel, value) in plane.iter_mut().enumerate() {
                let masked = sample.valid.as_ref().is_some_and(|mask| !mask.valid[pixel]);
                if masked || !value.is_finite() {
                    *value = self.value;
                }
            }
        }
        Ok(sample)
    }
}
