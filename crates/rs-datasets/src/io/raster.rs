//! A decoded raster before its bands and unit are known.

use std::path::Path;
use std::sync::Arc;

use super::samples::{Dtype, Samples, each};
use crate::{BandSet, DataError, GeoReference, Image, InputUnit, Mask};

/// A raster as the file has it: samples in the stored type, `[band, row, column]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    /// Number of bands.
    pub bands: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values `[band, row, column]`, row-major.
    pub samples: Samples,
    /// Value that stands for "no data", if the file names one.
    pub nodata: Option<f64>,
    /// Row-major, `height * width` entries: false where a pixel is no measurement; `None` when all are.
    pub valid: Option<Vec<bool>>,
    /// Where the raster lies, if the file says so.
    pub geo: Option<GeoReference>,
}

impl Raster {
    /// The stored type.
    pub fn dtype(&self) -> Dtype {
        self.samples.dtype()
    }

    /// Refuses another stored type than `expected`.
    ///
    /// # Errors
    /// [`DataError::Dtype`], naming `path`.
    pub fn require_dtype(&self, expected: Dtype, path: &Path) -> Result<(), DataError> {
        if self.dtype() == expected {
            return Ok(());
        }
        Err(DataError::Dtype {
            path: path.into(),
            expected: expected.name().into(),
            found: self.dtype().name().into(),
        })
    }

    /// Marks as invalid every pixel of which a band is not finite or equals the no-data value.
    ///
    /// One missing band makes the pixel invalid: what reads the image reads all its bands.
    pub(crate) fn mark_invalid(&mut self) {
        let area = self.height * self.width;
        // A float32 file holds the no-data number rounded to float32.
        let nodata = match self.dtype() {
            Dtype::F32 => self.nodata.map(|value| f64::from(value as f32)),
            _ => self.nodata,
        };
        let mut valid = self.valid.take().unwrap_or_else(|| vec![true; area]);
        each!(&self.samples, values => {
            for band in values.chunks_exact(area) {
                for (valid, &value) in valid.iter_mut().zip(band) {
                    #[allow(clippy::unnecessary_cast)]
                    let number = value as f64;
                    *valid &= number.is_finite() && nodata != Some(number);
                }
            }
        });
        self.valid = valid.contains(&false).then_some(valid);
    }

    /// The raster as an image with named bands in a physical unit, and its mask where a pixel is invalid.
    ///
    /// Values stay as they are, also those of invalid pixels (`NaN`, the no-data number): only the mask tells them apart.
    ///
    /// # Errors
    /// [`DataError::BandCount`] when the number of bands differs; it names `path`.
    pub fn into_image(
        self,
        bands: &Arc<BandSet>,
        unit: InputUnit,
        path: &Path,
    ) -> Result<(Image, Option<Mask>), DataError> {
        if self.bands != bands.len() {
            return Err(DataError::BandCount {
                path: path.into(),
                expected: format!("{} ({})", bands.len(), bands.names().join(", ")),
                found: self.bands,
            });
        }
        let (height, width) = (self.height, self.width);
        let could_overflow = self.dtype() == Dtype::F64;
        let mut valid = self.valid;
        let data = self.samples.into_f32();
        // A float64 beyond the range of float32 has become infinite.
        if could_overflow && data.iter().any(|value| !value.is_finite()) {
            let mask = valid.get_or_insert_with(|| vec![true; height * width]);
            for band in data.chunks_exact(height * width) {
                for (valid, value) in mask.iter_mut().zip(band) {
                    *valid &= value.is_finite();
                }
            }
        }
        let image = Image::new(Arc::clone(bands), unit, height, width, data)?;
        Ok((
            image,
            valid.map(|valid| Mask {
                height,
                width,
                valid,
            }),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Band;

    fn raster(samples: Samples, nodata: Option<f64>) -> Raster {
        let mut raster = Raster {
            bands: 2,
            height: 1,
            width: 3,
            samples,
            nodata,
            valid: None,
            geo: None,
        };
        raster.mark_invalid();
        raster
    }

    #[test]
    fn one_missing_band_makes_the_pixel_invalid() {
        let found = raster(
            Samples::F32(vec![1.0, f32::NAN, 3.0, 4.0, 5.0, -9999.0]),
            Some(-9999.0),
        );
        assert_eq!(found.valid, Some(vec![true, false, false]));
    }

    #[test]
    fn a_complete_raster_has_no_mask() {
        assert_eq!(
            raster(Samples::U8(vec![1, 2, 3, 4, 5, 6]), Some(0.0)).valid,
            None
        );
    }

    #[test]
    fn a_float64_that_overflows_is_invalid() {
        let bands = Arc::new(
            BandSet::new(vec![
                Band::other("a", "x", None),
                Band::other("b", "x", None),
            ])
            .unwrap(),
        );
        let found = raster(Samples::F64(vec![1.0, 1e300, 3.0, 4.0, 5.0, 6.0]), None);
        assert_eq!(found.valid, None);
        let (_, mask) = found
            .into_image(&bands, InputUnit::Reflectance, Path::new("a.tif"))
            .unwrap();
        assert_eq!(mask.unwrap().valid, vec![true, false, true]);
    }

    #[test]
    fn another_number_of_bands_is_refused_by_name() {
        let bands = Arc::new(BandSet::new(vec![Band::other("VV", "x", None)]).unwrap());
        let error = raster(Samples::U8(vec![0; 6]), None)
            .into_image(&bands, InputUnit::Uint8, Path::new("a.tif"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a.tif") && error.contains("VV") && error.contains('2'),
            "{error}"
        );
    }
}
