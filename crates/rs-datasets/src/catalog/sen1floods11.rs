//! Sen1Floods11: hand-labelled chips of eleven floods, Sentinel-1 and Sentinel-2, water or not per pixel.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::files::open_first;
use super::mask::{Chip, checked, class_mask, pixel_labels, raster};
use crate::io::{Dtype, Source, parse_csv};
use crate::{BandSet, DataError, DatasetInfo, InputUnit, ReadLimits, Sample, Task, sensors};

/// Class names; -1 in a mask is missing data.
pub const SEN1FLOODS11_CLASSES: [&str; 2] = ["No water", "Water"];

/// Which images are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloodSensor {
    /// Sentinel-1: VV and VH in decibels, float32. Missing pixels are NaN.
    #[default]
    Sentinel1,
    /// Sentinel-2 Level-1C: 13 bands in spectral order, int16 digital numbers. A pixel with 0 in a band is missing.
    Sentinel2,
}

/// The hand-labelled part of Sen1Floods11.
///
/// Layout: `<chip>_S1Hand.tif`, `<chip>_S2Hand.tif` and `<chip>_LabelHand.tif`, 512 x 512, in any folders; split files
/// `flood_<part>_data.csv` (an image and its mask per line) anywhere, whose parts [`crate::Dataset::published_split`] answers:
/// `train`, `valid`, `test`, `bolivia`. Ids are `<chip>`, such as `Ghana_53713`. Chips without an image of the wanted sensor are left out.
///
/// Some chips hold nothing to learn from: images of NaN alone, masks of -1 alone. They are read like the others.
#[derive(Debug)]
pub struct Sen1Floods11 {
    info: DatasetInfo,
    source: Source,
    sensor: FloodSensor,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    chips: Vec<Chip>,
}

impl Sen1Floods11 {
    /// Opens the folder or archive that holds the chips, or a folder with `sen1floods11/` in it.
    ///
    /// # Errors
    /// [`DataError::Layout`], [`DataError::DuplicateId`], [`DataError::Manifest`] for a split file that lists a chip twice or in another
    /// form.
    pub fn open(root: &Path, sensor: FloodSensor, limits: ReadLimits) -> Result<Self, DataError> {
        let source = open_first(root, &["sen1floods11", "sen1floods11.zip"], limits)?;
        let (ending, bands) = match sensor {
            FloodSensor::Sentinel1 => ("_S1Hand.tif", sensors::sentinel1(&["VV", "VH"])?),
            FloodSensor::Sentinel2 => {
                let names = sensors::SENTINEL2_BANDS.map(|(name, ..)| name);
                ("_S2Hand.tif", sensors::sentinel2(&names)?)
            }
        };
        let names = source.list()?;
        let by_chip = |ending: &str| -> HashMap<String, String> {
            let chips = names.iter().filter_map(|name| {
                let file = name.rsplit('/').next()?;
                Some((file.strip_suffix(ending)?.to_owned(), name.clone()))
            });
            chips.collect()
        };
        let masks = by_chip("_LabelHand.tif");
        let parts = parts(&source, &names)?;
        let chips = by_chip(ending).into_iter().filter_map(|(id, image)| {
            Some(Chip {
                mask: masks.get(&id)?.clone(),
                images: vec![image],
                split: parts.get(&id).cloned(),
                id,
            })
        });
        let expected = format!("<chip>{ending} with <chip>_LabelHand.tif");
        Ok(Self {
            info: info(),
            chips: checked(&source, "sen1floods11", &expected, chips.collect())?,
            source,
            sensor,
            classes: SEN1FLOODS11_CLASSES.map(String::from).to_vec(),
            bands: Arc::new(bands),
        })
    }

    fn load_chip(&self, chip: &Chip) -> Result<Sample, DataError> {
        let name = &chip.images[0];
        let path = self.source.path_of(name);
        let (dtype, unit) = match self.sensor {
            FloodSensor::Sentinel1 => (Dtype::F32, InputUnit::Sigma0Db),
            FloodSensor::Sentinel2 => (Dtype::I16, InputUnit::SENTINEL2_DN),
        };
        let mut raster = raster(&self.source, name)?;
        raster.require_dtype(dtype, &path)?;
        if self.sensor == FloodSensor::Sentinel2 {
            raster.nodata = Some(0.0);
            raster.mark_invalid();
        }
        let geo = raster.geo.clone();
        let extent = [raster.height, raster.width];
        let (image, valid) = raster.into_image(&self.bands, unit, &path)?;
        Ok(Sample {
            image,
            valid,
            label: class_mask(&self.source, &chip.mask, extent, self.classes.len(), 0)?,
            id: chip.id.clone(),
            geo,
        })
    }
}

/// Published part by chip.
fn parts(source: &Source, names: &[String]) -> Result<HashMap<String, String>, DataError> {
    let mut parts = HashMap::new();
    let mut seen = BTreeSet::new();
    for name in names {
        let file = name.rsplit('/').next().unwrap_or(name);
        let part = file
            .strip_prefix("flood_")
            .and_then(|f| f.strip_suffix("_data.csv"));
        let Some(part) = part.filter(|part| seen.insert((*part).to_owned())) else {
            continue;
        };
        let path = source.path_of(name);
        let text = String::from_utf8_lossy(&source.read(name)?).into_owned();
        for record in parse_csv(&text, &path)? {
            let fail = |detail: String| DataError::Manifest {
                path: path.clone(),
                place: format!("line {}", record.line),
                detail,
            };
            let chip = record
                .fields
                .first()
                .and_then(|f| f.strip_suffix("_S1Hand.tif"));
            let Some(chip) = chip else {
                return Err(fail(
                    "expected `<chip>_S1Hand.tif,<chip>_LabelHand.tif`; fetch the split files again".into(),
                ));
            };
            if let Some(other) = parts.insert(chip.to_owned(), part.to_owned()) {
                return Err(fail(format!(
                    "`{chip}` is in the part `{other}` already; a chip belongs to one part"
                )));
            }
        }
    }
    Ok(parts)
}

/// Licence, citation, source.
pub(super) fn info() -> DatasetInfo {
    DatasetInfo {
                name: "sen1floods11".into(),
                licence: "terms of the publisher; contains modified Copernicus Sentinel data".into(),
                citation: "D. Bonafilia et al.: Sen1Floods11: a georeferenced dataset to train and test deep learning flood \
                           algorithms for Sentinel-1, CVPR Workshops 2020"
                    .into(),
                source: "https://github.com/cloudtostreet/Sen1Floods11".into(),
                task: Task::Segmentation,
                expected: Some(446),
            }
}

pixel_labels!(Sen1Floods11);
