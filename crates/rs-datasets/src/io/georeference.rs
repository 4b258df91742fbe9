//! Georeference from the tags of a GeoTIFF (OGC 19-008r4), tolerant of files that have none.
//!
//! The few tags are read here and not with `geotiff-reader`, which refuses plain TIFFs and files whose georeference is damaged,
//! and wants the bytes of the file a second time.

use tiff_reader::{Ifd, Tag};

use crate::GeoReference;

/// Tag `ModelPixelScale`.
pub(super) const PIXEL_SCALE: u16 = 33550;
/// Tag `ModelTiepoint`.
pub(super) const TIEPOINT: u16 = 33922;
/// Tag `ModelTransformation`.
pub(super) const TRANSFORMATION: u16 = 34264;
/// Tag `GeoKeyDirectory`.
pub(super) const KEY_DIRECTORY: u16 = 34735;

/// Key: projected (1), geographic (2) or geocentric (3).
pub(super) const KEY_MODEL_TYPE: u16 = 1024;
/// Key: whether a raster coordinate names a pixel's corner (1) or its centre (2).
pub(super) const KEY_RASTER_TYPE: u16 = 1025;
/// Key: EPSG code of a geographic system.
const KEY_GEODETIC: u16 = 2048;
/// Key: EPSG code of a projected system.
pub(super) const KEY_PROJECTED: u16 = 3072;
/// Value of a key that says "defined by the user, not by a code".
const USER_DEFINED: u16 = 32767;

/// Where the raster lies; `None` when the tags do not say, or not in a way that makes sense.
///
/// The transform refers to pixel corners: rasters whose points are pixel centres are shifted by half a pixel, as GDAL does.
pub(super) fn georeference(ifd: &Ifd) -> Option<GeoReference> {
    let keys = ifd.tag(KEY_DIRECTORY).map(keys_of).unwrap_or_default();
    let key = |wanted| {
        keys.iter()
            .find(|(id, _)| *id == wanted)
            .map(|&(_, value)| value)
    };
    let mut transform = affine(ifd)?;
    if key(KEY_RASTER_TYPE) == Some(2) {
        transform[0] -= 0.5 * (transform[1] + transform[2]);
        transform[3] -= 0.5 * (transform[4] + transform[5]);
    }
    let code = |id| {
        key(id)
            .filter(|&code| code != 0 && code != USER_DEFINED)
            .map(u32::from)
    };
    // A projected system is given together with the geographic one below it; a custom one has no code at all.
    let epsg = if key(KEY_PROJECTED).is_some() {
        code(KEY_PROJECTED)
    } else {
        code(KEY_GEODETIC)
    };
    Some(GeoReference { transform, epsg })
}

/// The affine map in GDAL's order, from scale and tie point or from the matrix.
fn affine(ifd: &Ifd) -> Option<[f64; 6]> {
    let doubles = |tag| {
        ifd.tag(tag)
            .and_then(|tag| tag.value.as_f64_vec())
            .unwrap_or_default()
    };
    let (scale, tie, matrix) = (
        doubles(PIXEL_SCALE),
        doubles(TIEPOINT),
        doubles(TRANSFORMATION),
    );
    let transform =
        if let ([sx, sy, ..], [column, row, _, x, y, ..]) = (scale.as_slice(), tie.as_slice()) {
            // Rows run southwards, whatever the sign that is stored (GDAL reads it so).
            let sy = sy.abs();
            [x - column * sx, *sx, 0.0, y + row * sy, 0.0, -sy]
        } else if let [a, b, _, c, d, e, _, f, ..] = matrix.as_slice() {
            [*c, *a, *b, *f, *d, *e]
        } else {
            return None;
        };
    let determinant = transform[1] * transform[5] - transform[2] * transform[4];
    (transform.iter().all(|value| value.is_finite()) && determinant != 0.0).then_some(transform)
}

/// The keys whose value is a short stored in the directory itself, as (key, value).
pub(super) fn keys_of(directory: &Tag) -> Vec<(u16, u16)> {
    let directory = directory.value.as_u16_slice().unwrap_or_default();
    // The header is version, revision, minor revision, number of keys; then (key, location, count, value).
    let count = usize::from(directory.get(3).copied().unwrap_or(0));
    let entries = directory
        .get(4..)
        .unwrap_or_default()
        .chunks_exact(4)
        .take(count);
    entries
        .filter(|entry| entry[1] == 0)
        .map(|entry| (entry[0], entry[3]))
        .collect()
}
