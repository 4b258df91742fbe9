//! HLS Burn Scars: six bands of Harmonized Landsat and Sentinel-2 at 30 m, burnt or not per pixel.

use std::path::Path;
use std::sync::Arc;

use super::files::open_first;
use super::mask::{Chip, checked, class_mask, pixel_labels, raster};
use crate::io::{Dtype, Source};
use crate::split::train_test_split;
use crate::{Band, BandSet, DataError, DatasetInfo, InputUnit, ReadLimits, Sample, Task, sensors};

/// The bands in storage order, by the names of the Sentinel-2 bands that they are harmonised to.
pub const BURN_SCARS_BANDS: [&str; 6] = ["B02", "B03", "B04", "B8A", "B11", "B12"];
/// Class names; -1 in a mask is missing data.
pub const BURN_SCARS_CLASSES: [&str; 2] = ["Not burned", "Burn scar"];

/// What images hold where nothing was measured.
const MISSING: f64 = 9999.0;
/// Share of the training folder, and seed, with which the PANGAEA benchmark draws its validation part.
const VALIDATION: (f64, u32) = (0.1, 23);

/// HLS Burn Scars.
///
/// Layout: `{training,validation}/<scene>_merged.tif` (six bands, float, surface reflectance, 512 x 512) with
/// `<scene>.mask.tif`. Ids are `<scene>`.
///
/// [`crate::Dataset::published_split`] answers `test` for the folder `validation`, and divides the folder `training` into `train` and
/// `val` as the PANGAEA benchmark does: scikit-learn's `train_test_split` with a tenth and seed 23 over the sorted file names.
#[derive(Debug)]
pub struct BurnScars {
    info: DatasetInfo,
    source: Source,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    chips: Vec<Chip>,
}

impl BurnScars {
    /// Opens the folder or archive that holds `training/` and `validation/`, or a folder with `hls_burn_scars/` in it.
    ///
    /// # Errors
    /// [`DataError::Layout`], [`DataError::Missing`] for an image without mask, [`DataError::DuplicateId`].
    pub fn open(root: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let source = open_first(root, &["hls_burn_scars", "hls_burn_scars.zip"], limits)?;
        let (mut training, mut chips) = (Vec::new(), Vec::new());
        // Sorted by name, as the split is drawn.
        for name in source.list()? {
            let Some(scene) = name.strip_suffix("_merged.tif") else {
                continue;
            };
            let (folder, id) = scene.rsplit_once('/').unwrap_or(("", scene));
            let mask = format!("{scene}.mask.tif");
            if !source.contains(&mask) {
                return Err(DataError::Missing {
                    path: source.path_of(&mask),
                    remedy: format!("it is the mask of {name}; fetch the set again"),
                });
            }
            let part = folder.rsplit('/').next().unwrap_or_default();
            let chip = Chip {
                id: id.into(),
                images: vec![name.clone()],
                mask,
                split: (part == "validation").then(|| "test".into()),
            };
            if part == "training" {
                training.push(chip);
            } else {
                chips.push(chip);
            }
        }
        let (_, validation) = train_test_split(training.len(), VALIDATION.0, VALIDATION.1);
        for (row, mut chip) in training.into_iter().enumerate() {
            let part = if validation.contains(&row) {
                "val"
            } else {
                "train"
            };
            chip.split = Some(part.into());
            chips.push(chip);
        }
        let expected =
            "training/<scene>_merged.tif with <scene>.mask.tif, and validation/ likewise";
        Ok(Self {
            info: info(),
            chips: checked(&source, "hls_burn_scars", expected, chips)?,
            source,
            classes: BURN_SCARS_CLASSES.map(String::from).to_vec(),
            bands: Arc::new(BandSet::new(harmonised()?)?),
        })
    }

    fn load_chip(&self, chip: &Chip) -> Result<Sample, DataError> {
        let name = &chip.images[0];
        let path = self.source.path_of(name);
        let mut raster = raster(&self.source, name)?;
        if raster.dtype() != Dtype::F64 {
            raster.require_dtype(Dtype::F32, &path)?;
        }
        raster.nodata = Some(MISSING);
        raster.mark_invalid();
        let geo = raster.geo.clone();
        let extent = [raster.height, raster.width];
        let (image, valid) = raster.into_image(&self.bands, InputUnit::Reflectance, &path)?;
        Ok(Sample {
            image,
            valid,
            label: class_mask(&self.source, &chip.mask, extent, self.classes.len(), 0)?,
            id: chip.id.clone(),
            geo,
        })
    }
}

/// The six bands of the harmonised product, 30 m.
pub(super) fn harmonised() -> Result<Vec<Band>, DataError> {
    let bands = sensors::sentinel2(&BURN_SCARS_BANDS)?;
    let harmonised = |band: &Band| Band {
        sensor: "HLS".into(),
        gsd_m: Some(30.0),
        ..band.clone()
    };
    Ok(bands.as_slice().iter().map(harmonised).collect())
}

/// Licence, citation, source.
pub(super) fn info() -> DatasetInfo {
    DatasetInfo {
        name: "hls_burn_scars".into(),
        licence: "CC-BY-4.0".into(),
        citation:
            "C. Phillips et al.: HLS Foundation Burnscars Dataset, 2023, doi:10.57967/hf/0956"
                .into(),
        source: "https://huggingface.co/datasets/ibm-nasa-geospatial/hls_burn_scars".into(),
        task: Task::Segmentation,
        expected: Some(804),
    }
}

pixel_labels!(BurnScars);
