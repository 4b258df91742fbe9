//! JPEG and PNG.

use std::io::Cursor;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::{Raster, ReadLimits, Samples};
use crate::DataError;

/// Decodes a JPEG or PNG to one grey band or to red, green, blue, of 8 or 16 bits.
///
/// An alpha channel is no band: pixels that are fully transparent are invalid. A palette is resolved to colours.
/// `path` only names the file in errors.
///
/// # Errors
/// [`DataError::Corrupt`], [`DataError::TooLarge`], [`DataError::Unsupported`].
pub fn decode_picture(bytes: &[u8], path: &Path, limits: &ReadLimits) -> Result<Raster, DataError> {
    limits.check_file(path, bytes.len() as u64)?;
    let (format, name) = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => (ImageFormat::Jpeg, "JPEG"),
        Ok(ImageFormat::Png) => (ImageFormat::Png, "PNG"),
        _ => {
            return Err(corrupt(
                path,
                "JPEG or PNG",
                "it starts like neither".into(),
            ));
        }
    };
    // The decoder fills what is missing with grey; half a picture is no picture.
    if format == ImageFormat::Jpeg && !reaches_end_of_jpeg(bytes) {
        return Err(corrupt(
            path,
            name,
            format!("its {} bytes end before the end marker", bytes.len()),
        ));
    }
    let failed = |error: image::ImageError| corrupt(path, name, error.to_string());
    let mut allowed = image::Limits::no_limits();
    allowed.max_alloc = Some(limits.max_decoded_bytes);

    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(allowed);
    let decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let pixel = u64::from(decoder.color_type().bytes_per_pixel());
    let claimed = limits.check_decoded(path, &[width.into(), height.into(), pixel])?;
    // Deflate (1032 to 1) of 1-bit palette indices (24 to 1) is the most that either format can pack.
    let size = bytes.len();
    if claimed / (1032 * 24) > size as u64 {
        let detail = format!(
            "the header claims {claimed} bytes of pixels, more than {size} bytes of file can hold"
        );
        return Err(corrupt(path, name, detail));
    }
    let colour = decoder.color_type();
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;

    let (height, width) = (height as usize, width as usize);
    let (bands, alpha, samples) = match (colour, image) {
        (ColorType::L8, image) => (1, false, Samples::U8(image.into_bytes())),
        (ColorType::La8, image) => (1, true, Samples::U8(image.into_bytes())),
        (ColorType::Rgb8, image) => (3, false, Samples::U8(image.into_bytes())),
        (ColorType::Rgba8, image) => (3, true, Samples::U8(image.into_bytes())),
        (ColorType::L16, DynamicImage::ImageLuma16(image)) => {
            (1, false, Samples::U16(image.into_raw()))
        }
        (ColorType::La16, DynamicImage::ImageLumaA16(image)) => {
            (1, true, Samples::U16(image.into_raw()))
        }
        (ColorType::Rgb16, DynamicImage::ImageRgb16(image)) => {
            (3, false, Samples::U16(image.into_raw()))
        }
        (ColorType::Rgba16, DynamicImage::ImageRgba16(image)) => {
            (3, true, Samples::U16(image.into_raw()))
        }
        (other, _) => {
            return Err(DataError::Unsupported {
                path: path.into(),
                detail: format!("a picture of colour type {other:?}"),
                remedy: "convert it to grey or RGB of 8 or 16 bits",
            });
        }
    };
    let channels = bands + usize::from(alpha);
    let samples = samples.into_band_major(channels);
    let (samples, valid) = if alpha {
        split_alpha(samples, bands * height * width)
    } else {
        (samples, None)
    };
    Ok(Raster {
        bands,
        height,
        width,
        samples,
        nodata: None,
        valid,
        geo: None,
    })
}

/// Whether the chain of JPEG segments leads to the end-of-image marker (ITU-T T.81, annex B).
fn reaches_end_of_jpeg(bytes: &[u8]) -> bool {
    // Behind the start-of-image marker.
    let mut at = 2;
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        match marker {
            0xd9 => return true,
            // Fill bytes, and markers without a length.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                if marker == 0xda {
                    // Coded data run to the next marker that is neither an escaped 0xff nor a restart.
                    let coded = bytes.get(at..).unwrap_or_default();
                    let end = coded
                        .windows(2)
                        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7));
                    at += end.unwrap_or(coded.len());
                }
            }
        }
    }
    false
}

/// Takes the last band off as a validity mask; `None` when nothing is fully transparent.
fn split_alpha(samples: Samples, colours: usize) -> (Samples, Option<Vec<bool>>) {
    fn split<T: Copy + Default + PartialEq>(
        mut values: Vec<T>,
        colours: usize,
    ) -> (Vec<T>, Option<Vec<bool>>) {
        let alpha = values.split_off(colours);
        let valid: Vec<bool> = alpha.iter().map(|&alpha| alpha != T::default()).collect();
        let mask = valid.contains(&false).then_some(valid);
        (values, mask)
    }
    match samples {
        Samples::U8(values) => {
            let (values, valid) = split(values, colours);
            (Samples::U8(values), valid)
        }
        Samples::U16(values) => {
            let (values, valid) = split(values, colours);
            (Samples::U16(values), valid)
        }
        // Pictures are decoded to 8 or 16 unsigned bits only.
        other => (other, None),
    }
}

fn corrupt(path: &Path, format: &'static str, detail: String) -> DataError {
    DataError::Corrupt {
        path: path.into(),
        format,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

    use super::*;

    fn png(values: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(values, width, height, colour)
            .unwrap();
        bytes
    }

    fn decode(bytes: &[u8]) -> Raster {
        decode_picture(bytes, Path::new("a.png"), &ReadLimits::default()).unwrap()
    }

    #[test]
    fn colours_become_bands() {
        let raster = decode(&png(&[1, 2, 3, 4, 5, 6], 2, 1, ExtendedColorType::Rgb8));
        assert_eq!((raster.bands, raster.height, raster.width), (3, 1, 2));
        assert_eq!(raster.samples, Samples::U8(vec![1, 4, 2, 5, 3, 6]));
        assert_eq!(raster.valid, None);
    }

    #[test]
    fn full_transparency_is_invalid_and_no_band() {
        let raster = decode(&png(
            &[1, 2, 3, 0, 5, 6, 7, 9],
            2,
            1,
            ExtendedColorType::Rgba8,
        ));
        assert_eq!(raster.bands, 3);
        assert_eq!(raster.valid, Some(vec![false, true]));
        assert_eq!(raster.samples, Samples::U8(vec![1, 5, 2, 6, 3, 7]));
    }

    #[test]
    fn sixteen_bits_stay_sixteen_bits() {
        let values: Vec<u8> = [300u16, 65_535]
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        let raster = decode(&png(&values, 2, 1, ExtendedColorType::L16));
        assert_eq!(raster.samples, Samples::U16(vec![300, 65_535]));
    }
}
