//! Files that the tests of `rs-peft embed` write and read: pictures, arrays, GeoTIFFs, features.

use std::path::Path;

use rs_datasets::io::{GeoTags, GeoTiffSpec, GeoTiffWriter, Samples, TILE, encode_tile};
use safetensors::SafeTensors;

/// Smaller than the model's 224 pixels: two patches by two.
pub(crate) const SIDE: u32 = 32;

/// A picture of its own for every number.
pub(crate) fn write_picture(path: &Path, number: u32) {
    let picture = image::RgbImage::from_fn(SIDE, SIDE, |x, y| {
        image::Rgb([x * 7 + number * 40, y * 5, x * y + number].map(|v| (v % 256) as u8))
    });
    picture.save(path).unwrap();
}

/// The rows of a tensor of the features that were written.
pub(crate) fn rows(folder: &Path, tensor: &str) -> Vec<Vec<f32>> {
    let bytes = std::fs::read(folder.join("features.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(tensor).unwrap();
    let values: Vec<f32> = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    values
        .chunks_exact(view.shape()[1])
        .map(<[f32]>::to_vec)
        .collect()
}

pub(crate) fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}

/// Six bands of 16-bit values as a npy file, and what they are.
pub(crate) fn write_bands(path: &Path, number: usize) -> Vec<u16> {
    let area = (SIDE * SIDE) as usize;
    let values: Vec<u16> = (0..6 * area)
        .map(|at| (300 + (at * 37 + number * 501) % 4000) as u16)
        .collect();
    let mut header =
        format!("{{'descr': '<u2', 'fortran_order': False, 'shape': (6, {SIDE}, {SIDE}), }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
    values
}

/// The bands of [`write_bands`] as a GeoTIFF of floats.
pub(crate) fn write_geotiff(path: &Path, stored: &[u16]) {
    let side = SIDE as usize;
    let spec = GeoTiffSpec {
        height: side,
        width: side,
        bands: stored.len() / (side * side),
        dtype: rs_datasets::io::Dtype::F32,
        palette: None,
        nodata: None,
        tags: GeoTags::default(),
        predictor: true,
        band_names: Vec::new(),
        metadata: Vec::new(),
    };
    let mut writer = GeoTiffWriter::create(path, &spec).unwrap();
    for (band, plane) in stored.chunks_exact(side * side).enumerate() {
        let mut tile = vec![0.0; TILE * TILE];
        for (line, row) in tile.chunks_exact_mut(TILE).zip(plane.chunks_exact(side)) {
            for (to, from) in line.iter_mut().zip(row) {
                *to = f32::from(*from);
            }
        }
        let tile = encode_tile(&spec, &Samples::F32(tile)).unwrap();
        writer.write(band, 0, 0, &tile).unwrap();
    }
    writer.finish().unwrap();
}
