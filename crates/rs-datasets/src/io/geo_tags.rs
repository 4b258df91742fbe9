//! The tags that place a raster on the ground, carried from one file to another.
//!
//! They are copied as they are: a custom coordinate reference system, which no code names, survives so, and rewriting them through
//! `geotiff-writer` would lose it (its text of the keys refuses the character that GDAL puts into it).

use tiff_reader::{Ifd, Tag, TagValue};

use super::georeference::{
    KEY_DIRECTORY, KEY_MODEL_TYPE, KEY_PROJECTED, KEY_RASTER_TYPE, PIXEL_SCALE, TIEPOINT,
    TRANSFORMATION, keys_of,
};

/// Tags `GeoDoubleParams` and `GeoAsciiParams`, the numbers and the text of keys.
const KEY_VALUES: [u16; 2] = [34736, 34737];

/// The tags that place a raster on the ground, as the file has them.
#[derive(Clone, Debug, Default)]
pub struct GeoTags(pub(super) Vec<Tag>);

impl PartialEq for GeoTags {
    fn eq(&self, other: &Self) -> bool {
        // The tags of the reader cannot be compared; what they print as names every value exactly.
        format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

impl GeoTags {
    pub(super) fn of(ifd: &Ifd) -> Self {
        let codes = [PIXEL_SCALE, TIEPOINT, TRANSFORMATION, KEY_DIRECTORY];
        let tags = codes.into_iter().chain(KEY_VALUES);
        // Made anew, as a text that ends in several zeros would be refused by the writer.
        let again = |code| Some(Tag::new(code, ifd.tag(code)?.value.clone()));
        Self(tags.filter_map(again).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tags of a projected reference system that EPSG has a code for, with corners of pixels as GDAL counts them and the grid `transform`
    /// (GDAL's order).
    pub fn projected(epsg: u16, transform: [f64; 6]) -> Self {
        // Version 1.1.0 and three keys: projected, corners, the code.
        const PROJECTED: u16 = 1;
        let directory = [1, 1, 0, 3].into_iter().chain([
            KEY_MODEL_TYPE,
            0,
            1,
            PROJECTED,
            KEY_RASTER_TYPE,
            0,
            1,
            1,
            KEY_PROJECTED,
            0,
            1,
            epsg,
        ]);
        let tag = Tag::new(KEY_DIRECTORY, TagValue::Short(directory.collect()));
        Self(vec![tag]).with_transform(transform)
    }

    /// The same reference system with another grid: `transform` maps (column, row) of pixel corners to ground coordinates, in GDAL's
    /// order.
    pub fn with_transform(&self, transform: [f64; 6]) -> Self {
        let is_key = |tag: &&Tag| tag.code == KEY_DIRECTORY || KEY_VALUES.contains(&tag.code);
        let mut tags: Vec<Tag> = self.0.iter().filter(is_key).cloned().collect();
        let directory = tags.iter().find(|tag| tag.code == KEY_DIRECTORY);
        let keys = directory.map(keys_of).unwrap_or_default();
        let [mut x, a, b, mut y, c, d] = transform;
        // Where a coordinate names the centre of a pixel, so does the tie point.
        if keys.contains(&(KEY_RASTER_TYPE, 2)) {
            x += 0.5 * (a + b);
            y += 0.5 * (c + d);
        }
        let mut double = |code, values| tags.push(Tag::new(code, TagValue::Double(values)));
        if b == 0.0 && c == 0.0 && a > 0.0 && d < 0.0 {
            double(PIXEL_SCALE, vec![a, -d, 0.0]);
            double(TIEPOINT, vec![0.0, 0.0, 0.0, x, y, 0.0]);
        } else {
            let matrix = [
                [a, b, 0.0, x],
                [c, d, 0.0, y],
                [0.0; 4],
                [0.0, 0.0, 0.0, 1.0],
            ];
            double(TRANSFORMATION, matrix.concat());
        }
        Self(tags)
    }
}
