//! Normalising with statistics that say where they come from.

use serde::{Deserialize, Serialize};

use super::BandStatistics;
use crate::{DataError, InputUnit, Sample};

/// (value - mean) / standard deviation, band by band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// The statistics, with the unit and the bands they hold for.
    pub statistics: BandStatistics,
}

impl Normalise {
    /// The normalised sample, in [`InputUnit::Standardised`]. Missing pixels (NaN) stay missing.
    ///
    /// # Errors
    /// [`DataError::Statistics`] when bands or unit of the statistics are not those of the image, or a deviation is not positive.
    pub fn apply(&self, mut sample: Sample) -> Result<Sample, DataError> {
        self.statistics.validate()?;
        self.statistics
            .check(&sample.image.bands, sample.image.unit)?;
        let image = &mut sample.image;
        let area = image.height * image.width;
        for (band, plane) in image.data.chunks_exact_mut(area).enumerate() {
            let (mean, std) = (self.statistics.mean[band], self.statistics.std[band]);
            // In double precision: digital numbers in the ten thousands lose digits otherwise.
            plane
                .iter_mut()
                .for_each(|value| *value = ((f64::from(*value) - mean) / std) as f32);
        }
        image.unit = InputUnit::Standardised;
        Ok(sample)
    }
}
