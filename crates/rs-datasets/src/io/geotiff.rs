//! Multi-band TIFF and GeoTIFF, georeference optional.

use std::path::Path;

use tiff_reader::{Ifd, OpenOptions, ParseBudgets, RasterLayout, TiffFile, TiffSample};

use super::georeference::georeference;
use super::{Raster, ReadLimits, Samples};
use crate::DataError;

/// Tag in which GDAL stores the no-data value, as text.
pub(super) const GDAL_NODATA: u16 = 42113;
/// Photometric interpretation of luma and chroma; everything else is stored as what it means.
pub(super) const YCBCR: u16 = 6;

/// Decodes the first image of a TIFF: strips or tiles, both planar configurations, predictors 1 to 3, uncompressed, LZW,
/// deflate, PackBits, ZSTD, and unsigned, signed and float samples of 8 to 64 bits.
///
/// Overviews and further pages are not looked at. Values are returned in the stored type, `[band, row, column]`. A pixel is invalid when a band of it is not finite or
/// equals the file's no-data value. `path` only names the file in errors.
///
/// # Errors
/// [`DataError::Corrupt`], [`DataError::TooLarge`], [`DataError::Unsupported`].
pub fn decode_geotiff(
    bytes: Vec<u8>,
    path: &Path,
    limits: &ReadLimits,
) -> Result<Raster, DataError> {
    let file_bytes = bytes.len() as u64;
    limits.check_file(path, file_bytes)?;
    let file = TiffFile::from_bytes_with_options(bytes, options(limits, file_bytes))
        .map_err(|e| failed(path, e))?;
    let ifd = file.ifd(0).map_err(|e| failed(path, e))?;
    let stored = ifd.raster_layout().map_err(|e| failed(path, e))?;
    check_claims(path, ifd, &stored, file_bytes, limits)?;

    let colour = ifd.photometric_interpretation() == Some(YCBCR);
    let layout = if colour {
        ifd.decoded_raster_layout().map_err(|e| failed(path, e))?
    } else {
        stored
    };
    let samples = read_samples(&file, &layout, colour, None, path)?;
    let (bands, height, width) = (layout.samples_per_pixel, layout.height, layout.width);
    if bands.checked_mul(height).and_then(|n| n.checked_mul(width)) != Some(samples.len()) {
        return Err(corrupt(
            path,
            format!(
                "{} samples decoded, {bands} x {height} x {width} expected",
                samples.len()
            ),
        ));
    }
    let nodata = nodata(ifd);
    let samples = samples.into_band_major(bands);
    let mut raster = Raster {
        bands,
        height,
        width,
        samples,
        nodata,
        valid: None,
        geo: georeference(ifd),
    };
    raster.mark_invalid();
    Ok(raster)
}

/// Budgets of the decoder: nothing parsed or decoded beyond what the file and the limits warrant.
fn options(limits: &ReadLimits, file_bytes: u64) -> OpenOptions {
    let decoded = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
    // A tag's values lie in the file, so they cannot be larger than it.
    let tags = usize::try_from(file_bytes).unwrap_or(usize::MAX);
    OpenOptions {
        block_cache_bytes: 0,
        block_cache_slots: 0,
        parse_budgets: ParseBudgets {
            max_ifds: 4096,
            max_ifd_entries: 4096,
            max_tag_value_bytes: tags,
            max_metadata_value_bytes: tags.saturating_mul(2),
        },
        decode_output_bytes: decoded,
    }
}

/// Compares what the header claims with the limits and with what the file's bytes can hold.
fn check_claims(
    path: &Path,
    ifd: &Ifd,
    layout: &RasterLayout,
    file_bytes: u64,
    limits: &ReadLimits,
) -> Result<(), DataError> {
    let pixel = layout.samples_per_pixel as u64 * layout.bytes_per_sample as u64;
    let image = limits.check_decoded(path, &[layout.width as u64, layout.height as u64, pixel])?;
    let mut claimed = image;
    if let (Some(width), Some(height)) = (ifd.tile_width(), ifd.tile_height()) {
        let planes = if layout.planar_configuration == 1 {
            pixel
        } else {
            layout.bytes_per_sample as u64
        };
        claimed = claimed.max(limits.check_decoded(path, &[width.into(), height.into(), planes])?);
    }
    let counts = if ifd.is_tiled() {
        ifd.tile_byte_counts()
    } else {
        ifd.strip_byte_counts()
    };
    // GDAL leaves out blocks without data; such a file may be as small as it likes.
    if counts.is_some_and(|counts| counts.contains(&0)) {
        return Ok(());
    }
    // Bits, not bytes, are what a bit-packed file stores.
    let bits = u64::from(layout.bits_per_sample).min(8);
    match best_ratio(ifd.compression()) {
        Some(ratio) if claimed / 8 * bits > file_bytes.saturating_mul(ratio) => Err(corrupt(
            path,
            format!(
                "the header claims {claimed} bytes of pixels, more than {file_bytes} bytes of file can hold"
            ),
        )),
        _ => Ok(()),
    }
}

/// Most bytes that one byte of file can unpack to; `None` where there is no useful bound.
fn best_ratio(compression: u16) -> Option<u64> {
    match compression {
        1 => Some(1),
        // LZW: a 12-bit code stands for at most 4093 bytes.
        5 => Some(2731),
        // Deflate: 258 bytes in two bits.
        8 | 32946 => Some(1032),
        // PackBits: 128 bytes in two.
        32773 => Some(64),
        // ZSTD: a block of one repeated byte, 128 KiB in four bytes.
        50000 => Some(32_768),
        // JPEG: 16 x 16 pixels of three colours in six bits.
        7 => Some(1024),
        _ => None,
    }
}

/// The no-data value that GDAL's tag names.
pub(super) fn nodata(ifd: &Ifd) -> Option<f64> {
    ifd.tag(GDAL_NODATA)
        .and_then(|tag| tag.value.as_str())
        .and_then(parse_nodata)
}

/// The samples of the first image, or of a window `[row, column, height, width]` of it, interleaved by pixel.
pub(super) fn read_samples(
    file: &TiffFile,
    layout: &RasterLayout,
    colour: bool,
    window: Option<[usize; 4]>,
    path: &Path,
) -> Result<Samples, DataError> {
    fn read<T: TiffSample>(
        file: &TiffFile,
        colour: bool,
        window: Option<[usize; 4]>,
        path: &Path,
    ) -> Result<Vec<T>, DataError> {
        let array = match (window, colour) {
            (None, true) => file.read_decoded_image::<T>(0),
            (None, false) => file.read_image::<T>(0),
            (Some([row, column, height, width]), true) => {
                file.read_decoded_window::<T>(0, row, column, height, width)
            }
            (Some([row, column, height, width]), false) => {
                file.read_window::<T>(0, row, column, height, width)
            }
        };
        let (values, offset) = array
            .map_err(|error| failed(path, error))?
            .into_raw_vec_and_offset();
        match offset {
            None | Some(0) => Ok(values),
            Some(offset) => Err(corrupt(path, format!("decoded pixels start at {offset}"))),
        }
    }
    match (layout.sample_format, layout.bits_per_sample) {
        (1, 1..=8) => read(file, colour, window, path).map(Samples::U8),
        (1, 9..=16) => read(file, colour, window, path).map(Samples::U16),
        (1, 32) => read(file, colour, window, path).map(Samples::U32),
        (1, 64) => read(file, colour, window, path).map(Samples::U64),
        (2, 8) => read(file, colour, window, path).map(Samples::I8),
        (2, 16) => read(file, colour, window, path).map(Samples::I16),
        (2, 32) => read(file, colour, window, path).map(Samples::I32),
        (2, 64) => read(file, colour, window, path).map(Samples::I64),
        (3, 32) => read(file, colour, window, path).map(Samples::F32),
        (3, 64) => read(file, colour, window, path).map(Samples::F64),
        (format, bits) => Err(DataError::Unsupported {
            path: path.into(),
            detail: format!("a TIFF of sample format {format} with {bits} bits"),
            remedy: "convert it to integers or floats of 8, 16, 32 or 64 bits, e.g. with gdal_translate -ot",
        }),
    }
}

/// The no-data value as GDAL writes it: a number or `nan`, padded with blanks or a zero byte.
fn parse_nodata(text: &str) -> Option<f64> {
    text.trim_matches(|c: char| c == '\0' || c.is_whitespace())
        .parse()
        .ok()
}

pub(super) fn failed(path: &Path, error: tiff_reader::TiffError) -> DataError {
    use tiff_reader::TiffError as E;
    match error {
        E::UnsupportedCompression(_)
        | E::UnsupportedPredictor(_)
        | E::UnsupportedPlanarConfiguration(_)
        | E::UnsupportedBitsPerSample(_)
        | E::UnsupportedSampleFormat(_) => DataError::Unsupported {
            path: path.into(),
            detail: error.to_string(),
            remedy: "convert it, e.g. with gdal_translate -co COMPRESS=DEFLATE",
        },
        other => corrupt(path, other.to_string()),
    }
}

pub(super) fn corrupt(path: &Path, detail: String) -> DataError {
    DataError::Corrupt {
        path: path.into(),
        format: "TIFF",
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodata_is_read_as_gdal_writes_it() {
        assert_eq!(parse_nodata("-9999\0"), Some(-9999.0));
        assert_eq!(
            parse_nodata(" -3.4028234663852886e+38 "),
            Some(f64::from(f32::MIN))
        );
        assert!(parse_nodata("nan").is_some_and(f64::is_nan));
        assert_eq!(parse_nodata("none"), None);
    }
}
