//! Bands that come in files of their own, with pixels of different sizes, brought onto one grid.

use super::mask::raster;
use crate::DataError;
use crate::io::{Dtype, Source};

/// The one band of a file as `[row, column]` of the given extent, its pixels repeated until it has it.
///
/// Repeating invents nothing: every value is one that was measured, and an average over whole coarse pixels gives them back.
///
/// # Errors
/// What reading gives; [`DataError::Dtype`]; [`DataError::BandCount`]; [`DataError::Extent`] when the file's extent is no whole
/// fraction of the wanted one.
pub(super) fn enlarged(
    source: &Source,
    name: &str,
    dtype: Dtype,
    [height, width]: [usize; 2],
) -> Result<Vec<f32>, DataError> {
    let path = source.path_of(name);
    let raster = raster(source, name)?;
    raster.require_dtype(dtype, &path)?;
    if raster.bands != 1 {
        return Err(DataError::BandCount {
            path,
            expected: "1".into(),
            found: raster.bands,
        });
    }
    let factor = height / raster.height.max(1);
    if factor == 0 || [raster.height * factor, raster.width * factor] != [height, width] {
        return Err(DataError::Extent {
            path,
            found: format!("{} x {}", raster.height, raster.width),
            expected: format!(
                "a whole fraction of {height} x {width}, the finest grid of this image"
            ),
        });
    }
    let small = raster.width;
    let values = raster.samples.into_f32();
    let pixel = |row: usize, column: usize| values[row / factor * small + column / factor];
    Ok((0..height)
        .flat_map(|row| (0..width).map(move |column| (row, column)))
        .map(|(row, column)| pixel(row, column))
        .collect())
}
