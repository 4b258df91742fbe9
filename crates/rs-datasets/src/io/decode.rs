//! One entry to all readers: which one applies is seen from the first bytes.

use std::path::Path;

use super::read_file;
use super::{BandAxis, Raster, ReadLimits, decode_geotiff, decode_npy, decode_picture};
use crate::DataError;

/// Formats that hold an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// TIFF, GeoTIFF, BigTIFF.
    Tiff,
    /// JPEG or PNG.
    Picture,
    /// NumPy array.
    Npy,
}

impl FileKind {
    /// What a name's ending promises; `None` when it names no image.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "tif" | "tiff" => Some(Self::Tiff),
            "jpg" | "jpeg" | "png" => Some(Self::Picture),
            "npy" => Some(Self::Npy),
            _ => None,
        }
    }

    /// What the first bytes say; `None` when they say nothing known.
    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [0xff, 0xd8, 0xff, ..] | [0x89, b'P', b'N', b'G', ..] => Some(Self::Picture),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Self::Npy),
            _ => None,
        }
    }
}

/// Decodes an image of any format that is read here. `path` names the file in errors; `axis` matters for arrays only.
///
/// # Errors
/// Those of the reader of the format, [`DataError::Corrupt`] when the bytes are of none.
pub fn decode(
    bytes: Vec<u8>,
    path: &Path,
    axis: BandAxis,
    limits: &ReadLimits,
) -> Result<Raster, DataError> {
    match FileKind::of_bytes(&bytes) {
        Some(FileKind::Tiff) => decode_geotiff(bytes, path, limits),
        Some(FileKind::Picture) => decode_picture(&bytes, path, limits),
        Some(FileKind::Npy) => decode_npy(&bytes, path, limits)?.into_raster(axis, path),
        None => {
            let format = match FileKind::of_name(&path.to_string_lossy()) {
                Some(FileKind::Tiff) => "TIFF",
                Some(FileKind::Npy) => "npy",
                Some(FileKind::Picture) => "JPEG or PNG",
                None => "TIFF, JPEG, PNG or npy",
            };
            let start = &bytes[..bytes.len().min(8)];
            let detail = if bytes.is_empty() {
                "it is empty".into()
            } else {
                format!("it starts with {start:02x?}")
            };
            Err(DataError::Corrupt {
                path: path.into(),
                format,
                detail,
            })
        }
    }
}

/// Reads an image from a file on disk.
///
/// # Errors
/// As [`decode`], and [`DataError::Missing`] or [`DataError::Io`].
pub fn read_raster(path: &Path, axis: BandAxis, limits: &ReadLimits) -> Result<Raster, DataError> {
    decode(read_file(path, limits)?, path, axis, limits)
}
