//! Rendering to 8-bit values as a picture viewer would.

use serde::{Deserialize, Serialize};

use crate::{DataError, InputUnit, Sample};

/// 8-bit values `clip(round(value * gain + offset), 0, 255)`, in whatever unit the image has.
///
/// One gain and offset for all bands, or one per band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderUint8 {
    /// Grey levels per unit.
    pub gain: Vec<f32>,
    /// Grey level at value 0.
    pub offset: Vec<f32>,
}

impl RenderUint8 {
    /// The rendering of EuroSAT's RGB JPEG files from Sentinel-2 digital numbers, for bands in the order B04, B03, B02.
    ///
    /// Fitted to pairs of JPEG and 13-band files; the remaining difference (standard deviation 1.6 to 3.5 grey levels) is JPEG
    /// compression.
    pub fn eurosat_rgb() -> Self {
        Self {
            gain: vec![0.0909, 0.0927, 0.0927],
            offset: vec![2.3, 0.3, 0.3],
        }
    }

    /// Maps `low` to 0 and `high` to 255.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless `low < high`, both finite.
    pub fn stretch(low: f32, high: f32) -> Result<Self, DataError> {
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(DataError::Setting {
                what: "render_uint8".into(),
                detail: format!(
                    "cannot stretch {low}..{high}; expected two finite numbers, the lower first"
                ),
            });
        }
        let gain = 255.0 / (high - low);
        Ok(Self {
            gain: vec![gain],
            offset: vec![-low * gain],
        })
    }

    /// The rendered sample, in [`InputUnit::Uint8`]. NaN stays NaN.
    ///
    /// # Errors
    /// [`DataError::Shape`] when there are neither one nor as many gains and offsets as bands.
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        let image = &mut sample.image;
        let bands = image.bands.len();
        let fits = |len: usize| len == 1 || len == bands;
        if !fits(self.gain.len()) || !fits(self.offset.len()) {
            return Err(DataError::Shape {
                expected: format!("1 or {bands} gains and offsets to render {bands} bands"),
                found: format!("{} gains, {} offsets", self.gain.len(), self.offset.len()),
            });
        }
        let area = image.height * image.width;
        for (band, plane) in image.data.chunks_exact_mut(area).enumerate() {
            let gain = self.gain[band.min(self.gain.len() - 1)];
            let offset = self.offset[band.min(self.offset.len() - 1)];
            plane
                .iter_mut()
                .for_each(|value| *value = (*value * gain + offset).round().clamp(0.0, 255.0));
        }
        image.unit = InputUnit::Uint8;
        Ok(sample)
    }
}
