//! Where a tile comes from, and its name.

use std::fmt;

/// The place of a tile. Its text is the name that the development kit gives it, `P0706__1__824___0`: image, scale, left, top.
#[derive(Clone, Debug, PartialEq)]
pub struct TilePlace {
    /// Id of the source image.
    pub source: String,
    /// Size of the scaled image relative to the original one.
    pub scale: f64,
    /// Column of the first pixel in the scaled image.
    pub left: usize,
    /// Row of the first pixel in the scaled image.
    pub top: usize,
}

impl TilePlace {
    /// Reads the name of a tile; `None` when it is none.
    pub fn parse(name: &str) -> Option<Self> {
        let (rest, top) = name.rsplit_once("___")?;
        let (rest, left) = rest.rsplit_once("__")?;
        let (source, scale) = rest.rsplit_once("__")?;
        let scale: f64 = scale.parse().ok()?;
        (!source.is_empty() && scale.is_finite() && scale > 0.0).then_some(())?;
        Some(Self {
            source: source.to_owned(),
            scale,
            left: left.parse().ok()?,
            top: top.parse().ok()?,
        })
    }
}

impl fmt::Display for TilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            scale,
            left,
            top,
        } = self;
        write!(f, "{source}__{scale}__{left}___{top}")
    }
}

/// The image that a sample of DOTA was cut from: of a tile (`P0706__1__824___0`), of a crop (`P0706_763_349_787_375`), or of the image itself.
///
/// What must not be divided by a split: `LabelTable::with_groups(|id| source_image(id).to_owned())`.
pub fn source_image(id: &str) -> &str {
    if let Some((source, _)) = id.split_once("__") {
        return source;
    }
    // Four corners, and a number where two objects have the same ones.
    let numbers = id
        .rsplit('_')
        .take_while(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        .count();
    if !(4..=5).contains(&numbers) {
        return id;
    }
    id.rsplitn(numbers + 1, '_').last().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_and_read() {
        for (scale, text) in [(1.0, "P0706__1__824___0"), (0.5, "P0706__0.5__824___0")] {
            let place = TilePlace {
                source: "P0706".into(),
                scale,
                left: 824,
                top: 0,
            };
            assert_eq!(place.to_string(), text);
            assert_eq!(TilePlace::parse(text), Some(place));
        }
        // As the kit writes a scale of 1 that is a float.
        assert_eq!(TilePlace::parse("P1__1.0__0___0").unwrap().scale, 1.0);
        for bad in [
            "P0706",
            "P__0__0___0",
            "P__1__x___0",
            "__1__0___0",
            "P__1__0",
        ] {
            assert_eq!(TilePlace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_source_of_every_sample_is_its_image() {
        for id in [
            "P0706",
            "P0706__1__824___0",
            "P0706_763_349_787_375",
            "P0706_1_2_3_4_1",
        ] {
            assert_eq!(source_image(id), "P0706");
        }
        assert_eq!(source_image("scene_3"), "scene_3");
        assert_eq!(source_image("scene"), "scene");
    }
}
