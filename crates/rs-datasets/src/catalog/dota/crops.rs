//! DOTA as a classification task: one object per sample.

use std::collections::HashMap;
use std::path::Path;

use oriented_boxes::Bounds;

use super::cache::{self, Pictures};
use super::labels::LabelCounts;
use super::listing::Listing;
use super::whole::info;
use super::{CropConfig, CropShape, DotaConfig};
use crate::catalog::files::entry;
use crate::transform::Resize;
use crate::{
    BandSet, DataError, Dataset, DatasetInfo, Interpolation, Label, ReadLimits, Sample, Task,
};

/// One object.
#[derive(Clone, Debug)]
struct Crop {
    id: String,
    /// Index of the image.
    image: usize,
    class: usize,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

/// Objects of DOTA cut out along the axes and resized, one class each: the classification task of debLoRA.
///
/// Ids are `P0053_763_349_787_375`: image and bounds x1, y1, x2, y2 of the object in whole pixels (with a number behind them for a second object of the
/// same bounds). Objects of one image belong together: split them by [`super::source_image`]. The last two images stay decoded.
#[derive(Debug)]
pub struct DotaCrops {
    info: DatasetInfo,
    bands: BandSet,
    listing: Listing,
    config: CropConfig,
    crops: Vec<Crop>,
    too_small: usize,
    pictures: Pictures,
}

impl DotaCrops {
    /// Opens a folder or archive and lists the objects; no picture is decoded.
    ///
    /// # Errors
    /// As [`super::Dota::open`] and [`CropConfig::validate`]; [`DataError::Layout`] when no object is left.
    pub fn open(
        root: &Path,
        config: &DotaConfig,
        crops: &CropConfig,
        limits: ReadLimits,
    ) -> Result<Self, DataError> {
        crops.validate()?;
        let listing = Listing::open(root, config, limits)?;
        let mut set = Self {
            info: info("dota_crops", Task::Classification, config),
            bands: cache::bands()?,
            listing,
            config: crops.clone(),
            crops: Vec::new(),
            too_small: 0,
            pictures: Pictures::default(),
        };
        let mut taken: HashMap<String, usize> = HashMap::new();
        for image in 0..set.listing.entries.len() {
            set.list(image, &mut taken);
        }
        if set.crops.is_empty() {
            return Err(DataError::Layout {
                root: set.listing.source.root().into(),
                dataset: "DOTA".into(),
                expected: "at least one labelled object of the asked size".into(),
                found: format!("none in {} images", set.listing.entries.len()),
            });
        }
        set.crops.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(set)
    }

    fn list(&mut self, image: usize, taken: &mut HashMap<String, usize>) {
        let entry = &self.listing.entries[image];
        for object in entry.objects.as_deref().unwrap_or_default() {
            if self.config.skip_difficult && object.is_difficult() {
                continue;
            }
            // Whole pixels inside the image that the object touches.
            let bounds = object.quad.bounds();
            let inside = |value: f64, extent: usize| (value.max(0.0) as usize).min(extent);
            let left = inside(bounds.left.floor(), entry.width - 1);
            let top = inside(bounds.top.floor(), entry.height - 1);
            let right = inside(bounds.right.ceil(), entry.width).max(left + 1);
            let bottom = inside(bounds.bottom.ceil(), entry.height).max(top + 1);
            if (right - left).max(bottom - top) < self.config.min_side {
                self.too_small += 1;
                continue;
            }
            let mut id = format!("{}_{left}_{top}_{right}_{bottom}", entry.id);
            let times = taken.entry(id.clone()).or_default();
            if *times > 0 {
                id = format!("{id}_{times}");
            }
            *times += 1;
            let [top, left, height, width] = window(
                Bounds {
                    left: left as f64,
                    top: top as f64,
                    right: right as f64,
                    bottom: bottom as f64,
                },
                &self.config,
                entry.height,
                entry.width,
            );
            self.crops.push(Crop {
                id,
                image,
                class: object.class,
                top,
                left,
                height,
                width,
            });
        }
    }

    /// What was found in the label files.
    pub fn counts(&self) -> LabelCounts {
        self.listing.counts
    }

    /// How many objects were left out because of [`CropConfig::min_side`].
    pub fn too_small(&self) -> usize {
        self.too_small
    }
}

/// Top, left, height and width of the part of an image that shows `object`.
fn window(object: Bounds, config: &CropConfig, rows: usize, columns: usize) -> [usize; 4] {
    let (height, width) = match config.shape {
        CropShape::Square => {
            let side = object.width().max(object.height()) * config.context;
            (side, side)
        }
        CropShape::Bounds => (
            object.height() * config.context,
            object.width() * config.context,
        ),
    };
    // Moved into the image, and no larger than it.
    let axis = |low: f64, high: f64, length: f64, extent: usize| {
        let length = (length.round() as usize).clamp(1, extent);
        let start = ((low + high - length as f64) / 2.0).round().max(0.0) as usize;
        (start.min(extent - length), length)
    };
    let (top, height) = axis(object.top, object.bottom, height, rows);
    let (left, width) = axis(object.left, object.right, width, columns);
    [top, left, height, width]
}

impl Dataset for DotaCrops {
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
        self.crops.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.crops[index].id
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        Some(self.crops[index].class)
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        let image = self.crops[index].image;
        self.listing.entries[image].part.as_deref()
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let crop = entry(&self.crops, index)?;
        let picture = self
            .pictures
            .get(&self.listing, crop.image, 1.0, Interpolation::Nearest)?;
        let part = picture.part(
            crop.top,
            crop.left,
            crop.height,
            crop.width,
            crop.id.clone(),
            Label::Class(crop.class),
        )?;
        let (height, width) = (self.config.size, self.config.size);
        Resize {
            height,
            width,
            interpolation: self.config.interpolation,
        }
        .apply(part)
    }
}
