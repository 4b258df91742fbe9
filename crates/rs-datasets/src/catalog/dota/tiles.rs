//! DOTA in tiles.

use std::path::Path;

use oriented_boxes::{Bounds, Point};

use super::cache::{self, Pictures, scaled_extent};
use super::labels::LabelCounts;
use super::listing::Listing;
use super::whole::info;
use super::{DotaConfig, TileConfig, TilePlace, windows};
use crate::catalog::files::entry;
use crate::{
    BandSet, DataError, Dataset, DatasetInfo, Label, OrientedObject, ReadLimits, Sample, Task,
};

/// Most tiles that are listed: a wrong overlap must not exhaust the memory.
const MOST_TILES: usize = 20_000_000;

/// One tile.
#[derive(Clone, Debug)]
struct Tile {
    id: String,
    /// Index of the image.
    image: usize,
    place: TilePlace,
    height: usize,
    width: usize,
    /// In pixels of the tile; `None` without labels.
    objects: Option<Vec<OrientedObject>>,
}

/// Tiles of DOTA's images with [`Label::Objects`] in pixels of the tile. Ids are those of the development kit ([`TilePlace`]).
///
/// The last two images stay decoded, so read tiles in order or through [`crate::Cached`].
#[derive(Debug)]
pub struct DotaTiles {
    info: DatasetInfo,
    bands: BandSet,
    listing: Listing,
    config: TileConfig,
    tiles: Vec<Tile>,
    pictures: Pictures,
}

impl DotaTiles {
    /// Opens a folder or archive and lists the tiles; no picture is decoded.
    ///
    /// # Errors
    /// As [`super::Dota::open`] and [`TileConfig::validate`]; [`DataError::Setting`] for more than 20 million tiles.
    pub fn open(
        root: &Path,
        config: &DotaConfig,
        tiles: &TileConfig,
        limits: ReadLimits,
    ) -> Result<Self, DataError> {
        tiles.validate()?;
        let listing = Listing::open(root, config, limits)?;
        let mut set = Self {
            info: info("dota_tiles", Task::OrientedDetection, config),
            bands: cache::bands()?,
            listing,
            config: tiles.clone(),
            tiles: Vec::new(),
            pictures: Pictures::default(),
        };
        for image in 0..set.listing.entries.len() {
            for &scale in &tiles.scales {
                set.list(image, scale)?;
            }
        }
        set.tiles.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(set)
    }

    fn list(&mut self, image: usize, scale: f64) -> Result<(), DataError> {
        let entry = &self.listing.entries[image];
        let (size, overlap) = (self.config.size, self.config.overlap);
        let (rows, columns) = (
            scaled_extent(entry.height, scale),
            scaled_extent(entry.width, scale),
        );
        // The scaled extent is rounded, so both axes have their own factor.
        let (sx, sy) = (
            columns as f64 / entry.width as f64,
            rows as f64 / entry.height as f64,
        );
        let scaled: Option<Vec<OrientedObject>> = entry
            .objects
            .as_ref()
            .map(|objects| objects.iter().map(|o| moved(o, sx, sy, 0.0, 0.0)).collect())
            .transpose()?;
        for (left, top) in windows(columns, rows, size, overlap) {
            let window = Bounds {
                left: left as f64,
                top: top as f64,
                right: (left + size).min(columns) as f64,
                bottom: (top + size).min(rows) as f64,
            };
            let whole_image = columns <= size && rows <= size;
            let objects = scaled
                .as_ref()
                .map(|objects| {
                    // Where the tile is the image nothing is cut, not even what was labelled beyond the border.
                    let shown = if whole_image {
                        objects.clone()
                    } else {
                        self.config.cut.cut(objects, &window)
                    };
                    let local = |o: &OrientedObject| moved(o, 1.0, 1.0, -window.left, -window.top);
                    shown.iter().map(local).collect::<Result<Vec<_>, _>>()
                })
                .transpose()?;
            if !self.config.keep_empty && objects.as_ref().is_some_and(|objects| objects.is_empty())
            {
                continue;
            }
            if self.tiles.len() >= MOST_TILES {
                return Err(DataError::Setting {
                    what: "tiles".into(),
                    detail: format!(
                        "more than {MOST_TILES} tiles of {size} pixels with overlap {overlap}; choose larger tiles or less overlap"
                    ),
                });
            }
            let place = TilePlace {
                source: entry.id.clone(),
                scale,
                left,
                top,
            };
            let extent = |used: f64| if self.config.pad { size } else { used as usize };
            self.tiles.push(Tile {
                id: place.to_string(),
                image,
                place,
                height: extent(window.height()),
                width: extent(window.width()),
                objects,
            });
        }
        Ok(())
    }

    /// What was found in the label files.
    pub fn counts(&self) -> LabelCounts {
        self.listing.counts
    }

    /// Where tile `index` comes from.
    pub fn place(&self, index: usize) -> &TilePlace {
        &self.tiles[index].place
    }

    /// The objects of tile `index`, without decoding it; `None` where there are no labels.
    pub fn objects(&self, index: usize) -> Option<&[OrientedObject]> {
        self.tiles[index].objects.as_deref()
    }
}

/// An object scaled and shifted.
fn moved(
    o: &OrientedObject,
    sx: f64,
    sy: f64,
    x: f64,
    y: f64,
) -> Result<OrientedObject, DataError> {
    let quad = o
        .quad
        .map(|p| Point::new(sx * p.x + x, sy * p.y + y))
        .map_err(|error| DataError::Setting {
            what: "tiles".into(),
            detail: error.to_string(),
        })?;
    Ok(OrientedObject { quad, ..*o })
}

impl Dataset for DotaTiles {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    fn bands(&self) -> &BandSet {
        &self.bands
    }

    fn len(&self) -> usize {
        self.tiles.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.tiles[index].id
    }

    fn class_of(&self, _index: usize) -> Option<usize> {
        None
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        let image = self.tiles[index].image;
        self.listing.entries[image].part.as_deref()
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let tile = entry(&self.tiles, index)?;
        let picture = self.pictures.get(
            &self.listing,
            tile.image,
            tile.place.scale,
            self.config.interpolation,
        )?;
        let label = match &tile.objects {
            Some(objects) => Label::Objects(objects.clone()),
            None => Label::None,
        };
        picture.part(
            tile.place.top,
            tile.place.left,
            tile.height,
            tile.width,
            tile.id.clone(),
            label,
        )
    }
}
