//! A raster in memory: bands x rows x columns in one physical unit.

use std::sync::Arc;

use crate::{BandSet, DataError, InputUnit};

/// Where a raster lies on the ground.
#[derive(Clone, Debug, PartialEq)]
pub struct GeoReference {
    /// Affine map from (column, row) to ground coordinates: x = t0 + t1 col + t2 row, y = t3 + t4 col + t5 row (GDAL's order).
    pub transform: [f64; 6],
    /// EPSG code of the coordinate reference system, where one is given.
    pub epsg: Option<u32>,
}

/// Which pixels are valid; row-major, `height * width` entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `true` where the pixel holds a measurement.
    pub valid: Vec<bool>,
}

/// A raster of one physical unit, stored band by band.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The bands in storage order.
    pub bands: Arc<BandSet>,
    /// What the values mean.
    pub unit: InputUnit,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values `[band, row, column]`, row-major.
    pub data: Vec<f32>,
}

impl Image {
    /// An image whose data has `bands * height * width` values.
    ///
    /// # Errors
    /// [`DataError::Shape`] when the number of values differs or an extent is 0.
    pub fn new(
        bands: Arc<BandSet>,
        unit: InputUnit,
        height: usize,
        width: usize,
        data: Vec<f32>,
    ) -> Result<Self, DataError> {
        let expected = bands
            .len()
            .checked_mul(height)
            .and_then(|n| n.checked_mul(width));
        if expected != Some(data.len()) || data.is_empty() {
            return Err(DataError::Shape {
                expected: format!(
                    "{} bands x {height} x {width} values, none of them 0",
                    bands.len()
                ),
                found: format!("{} values", data.len()),
            });
        }
        Ok(Self {
            bands,
            unit,
            height,
            width,
            data,
        })
    }

    /// The values of one band, row-major.
    pub fn band(&self, index: usize) -> &[f32] {
        let area = self.height * self.width;
        &self.data[index * area..(index + 1) * area]
    }
}
