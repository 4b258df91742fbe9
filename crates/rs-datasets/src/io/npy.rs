//! NumPy's `.npy` files: format versions 1 to 3, both byte orders, C and Fortran order, the numeric types.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. Object arrays are pickles and never read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::npy_header::{self, Header};
use super::read_file;
use super::samples::each;
use super::{Dtype, Raster, ReadLimits, Samples, write_atomically};
use crate::DataError;

/// An array of any rank, in C order (last axis fastest).
#[derive(Clone, Debug, PartialEq)]
pub struct NpyArray {
    /// Extent per axis.
    pub shape: Vec<usize>,
    /// The values, `shape` multiplied out many.
    pub samples: Samples,
}

/// Which axis of a three-dimensional array counts the bands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandAxis {
    /// `[band, row, column]`.
    #[default]
    First,
    /// `[row, column, band]`.
    Last,
}

impl NpyArray {
    /// The array as a raster: `[row, column]`, or three axes with the bands where `axis` says.
    ///
    /// # Errors
    /// [`DataError::Unsupported`] for another rank or an extent of 0; it names `path`.
    pub fn into_raster(self, axis: BandAxis, path: &Path) -> Result<Raster, DataError> {
        let (bands, height, width, samples) = match (self.shape.as_slice(), axis) {
            (&[height, width], _) => (1, height, width, self.samples),
            (&[bands, height, width], BandAxis::First) => (bands, height, width, self.samples),
            (&[height, width, bands], BandAxis::Last) => {
                (bands, height, width, self.samples.into_band_major(bands))
            }
            _ => return Err(not_a_raster(&self.shape, path)),
        };
        if samples.is_empty() {
            return Err(not_a_raster(&self.shape, path));
        }
        let mut raster = Raster {
            bands,
            height,
            width,
            samples,
            nodata: None,
            valid: None,
            geo: None,
        };
        raster.mark_invalid();
        Ok(raster)
    }
}

fn not_a_raster(shape: &[usize], path: &Path) -> DataError {
    DataError::Unsupported {
        path: path.into(),
        detail: format!("an array of shape {shape:?} as an image"),
        remedy: "save one image per file, with two axes or with three of which one counts the bands",
    }
}

/// Decodes an array; booleans become 0 and 1. `path` only names the file in errors.
///
/// # Errors
/// [`DataError::Corrupt`], [`DataError::TooLarge`], or [`DataError::Unsupported`] for types that are not numeric or have
/// no counterpart in [`Dtype`].
pub fn decode_npy(bytes: &[u8], path: &Path, limits: &ReadLimits) -> Result<NpyArray, DataError> {
    limits.check_file(path, bytes.len() as u64)?;
    let Header {
        dtype,
        big_endian,
        fortran,
        shape,
        data_at,
    } = npy_header::parse(bytes, path)?;
    let extents: Vec<u64> = shape
        .iter()
        .map(|&n| n as u64)
        .chain([dtype.size() as u64])
        .collect();
    let claimed = limits.check_decoded(path, &extents)?;
    let data = &bytes[data_at..];
    if claimed != data.len() as u64 {
        return Err(DataError::Corrupt {
            path: path.into(),
            format: "npy",
            detail: format!(
                "the header claims {claimed} bytes of data, the file has {}",
                data.len()
            ),
        });
    }
    let samples = from_bytes(data, dtype, big_endian);
    let samples = if fortran {
        to_c_order(samples, &shape)
    } else {
        samples
    };
    Ok(NpyArray { shape, samples })
}

/// Reads an array from a file.
///
/// # Errors
/// As [`decode_npy`], and [`DataError::Missing`] or [`DataError::Io`].
pub fn read_npy(path: &Path, limits: &ReadLimits) -> Result<NpyArray, DataError> {
    decode_npy(&read_file(path, limits)?, path, limits)
}

/// Encodes an array as little-endian `.npy`, version 1.0 (2.0 where the header is too long for it).
///
/// # Errors
/// [`DataError::Shape`] when the number of samples is not that of the shape.
pub fn encode_npy(array: &NpyArray) -> Result<Vec<u8>, DataError> {
    let expected = array
        .shape
        .iter()
        .try_fold(1usize, |product, &extent| product.checked_mul(extent));
    if expected != Some(array.samples.len()) {
        return Err(DataError::Shape {
            expected: format!("as many samples as shape {:?} has", array.shape),
            found: format!("{} samples", array.samples.len()),
        });
    }
    let mut bytes = npy_header::encode(array.samples.dtype(), &array.shape);
    each!(&array.samples, values => for value in values { bytes.extend_from_slice(&value.to_le_bytes()) });
    Ok(bytes)
}

/// Writes an array to a file, whole or not at all.
///
/// # Errors
/// As [`encode_npy`], and [`DataError::Io`].
pub fn write_npy(path: &Path, array: &NpyArray) -> Result<(), DataError> {
    write_atomically(path, &encode_npy(array)?)
}

/// Values of the given type; a remainder of bytes that is no whole value is ignored.
fn from_bytes(data: &[u8], dtype: Dtype, big_endian: bool) -> Samples {
    macro_rules! values {
        ($type:ty) => {{
            let (chunks, _) = data.as_chunks::<{ size_of::<$type>() }>();
            let convert = if big_endian {
                <$type>::from_be_bytes
            } else {
                <$type>::from_le_bytes
            };
            chunks.iter().map(|chunk| convert(*chunk)).collect()
        }};
    }
    match dtype {
        Dtype::U8 => Samples::U8(data.to_vec()),
        Dtype::I8 => Samples::I8(values!(i8)),
        Dtype::U16 => Samples::U16(values!(u16)),
        Dtype::I16 => Samples::I16(values!(i16)),
        Dtype::U32 => Samples::U32(values!(u32)),
        Dtype::I32 => Samples::I32(values!(i32)),
        Dtype::U64 => Samples::U64(values!(u64)),
        Dtype::I64 => Samples::I64(values!(i64)),
        Dtype::F32 => Samples::F32(values!(f32)),
        Dtype::F64 => Samples::F64(values!(f64)),
    }
}

/// Reorders values whose first axis is fastest into C order.
fn to_c_order(samples: Samples, shape: &[usize]) -> Samples {
    fn reorder<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
        // Distance in the file between neighbours along each axis.
        let mut strides = Vec::with_capacity(shape.len());
        let mut stride = 1;
        for &extent in shape {
            strides.push(stride);
            stride *= extent;
        }
        let mut index = vec![0usize; shape.len()];
        let mut at = 0;
        let mut ordered = Vec::with_capacity(values.len());
        for _ in 0..values.len() {
            ordered.push(values[at]);
            // Count up like a mileage meter, last axis first.
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                at += strides[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                at -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }
        ordered
    }
    match samples {
        Samples::U8(values) => Samples::U8(reorder(&values, shape)),
        Samples::I8(values) => Samples::I8(reorder(&values, shape)),
        Samples::U16(values) => Samples::U16(reorder(&values, shape)),
        Samples::I16(values) => Samples::I16(reorder(&values, shape)),
        Samples::U32(values) => Samples::U32(reorder(&values, shape)),
        Samples::I32(values) => Samples::I32(reorder(&values, shape)),
        Samples::U64(values) => Samples::U64(reorder(&values, shape)),
        Samples::I64(values) => Samples::I64(reorder(&values, shape)),
        Samples::F32(values) => Samples::F32(reorder(&values, shape)),
        Samples::F64(values) => Samples::F64(reorder(&values, shape)),
    }
}
