//! GeoTIFFs whose values are a formula.

use std::path::Path;

use rs_datasets::io::{
    Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Samples, SceneFile, SceneWindow, TILE, encode_tile,
};

pub(crate) fn whole(scene: &SceneFile) -> SceneWindow {
    SceneWindow {
        row: 0,
        column: 0,
        height: scene.height(),
        width: scene.width(),
    }
}

/// The same bits; NaN equals NaN.
pub(crate) fn equal(a: &Samples, b: &Samples) -> bool {
    match (a, b) {
        (Samples::F32(a), Samples::F32(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (Samples::F64(a), Samples::F64(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        _ => a == b,
    }
}

pub(crate) fn spec(
    height: usize,
    width: usize,
    bands: usize,
    dtype: Dtype,
    tags: GeoTags,
) -> GeoTiffSpec {
    GeoTiffSpec {
        height,
        width,
        bands,
        dtype,
        palette: None,
        nodata: None,
        tags,
        predictor: true,
        band_names: Vec::new(),
        metadata: Vec::new(),
    }
}

pub(crate) fn value(band: usize, row: usize, column: usize) -> f32 {
    ((band * 37 + row * 3 + column * 7) % 251) as f32
}

pub(crate) fn write(path: &Path, spec: &GeoTiffSpec) {
    let mut writer = GeoTiffWriter::create(path, spec).unwrap();
    let [down, across] = spec.tiles();
    // From the last to the first: any order will do.
    for band in (0..spec.bands).rev() {
        for (row, column) in (0..down * across).rev().map(|i| (i / across, i % across)) {
            let values = (0..TILE * TILE)
                .map(|i| value(band, row * TILE + i / TILE, column * TILE + i % TILE));
            let samples = match spec.dtype {
                Dtype::U8 => Samples::U8(values.map(|value| value as u8).collect()),
                Dtype::U16 => Samples::U16(values.map(|value| value as u16).collect()),
                _ => Samples::F32(values.collect()),
            };
            let tile = encode_tile(spec, &samples).unwrap();
            writer.write(band, row, column, &tile).unwrap();
        }
    }
    writer.finish().unwrap();
}
