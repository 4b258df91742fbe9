//! EuroSAT, the RGB pictures: Sentinel-2 in JPEG, 64 x 64 pixels of 10 m, ten kinds of land use.

use std::path::Path;
use std::sync::Arc;

use super::files::{ClassifiedFiles, classified_files, open_first};
use super::tree::known_classes;
use crate::io::Dtype;
use crate::{DataError, DatasetInfo, InputUnit, ReadLimits, Task, sensors};

/// The ten classes of EuroSAT, in the order of their label.
pub const EUROSAT_CLASSES: [&str; 10] = [
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
];

/// Whom both versions of EuroSAT ask to cite.
pub(super) const EUROSAT_CITATION: &str = "P. Helber, B. Bischke, A. Dengel, D. Borth: EuroSAT: A Novel Dataset and Deep \
     Learning Benchmark for Land Use and Land Cover Classification, IEEE JSTARS 12(7), 2019";
/// Terms of both versions.
pub(super) const EUROSAT_LICENCE: &str = "MIT; contains modified Copernicus Sentinel data";

/// EuroSAT RGB, from the folder or directly out of the zip archive.
///
/// Layout: `<Class>/<Class>_<n>.jpg` below any outer folder; ids are `<Class>_<n>`. Bands are Sentinel-2's B04, B03, B02
/// rendered to 0..=255 by the publishers (not digital numbers: the rendering is not documented).
#[derive(Debug)]
pub struct EurosatRgb(ClassifiedFiles);

impl EurosatRgb {
    /// Opens the archive, its folder, or a folder that holds `EuroSAT_RGB.zip` or `EuroSAT_RGB/`.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Layout`], [`DataError::EmptyClass`], [`DataError::UnknownLabel`] for an image in
    /// a folder beside the ten, [`DataError::DuplicateId`].
    pub fn open(root: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let source = open_first(root, &["EuroSAT_RGB.zip", "EuroSAT_RGB", "2750"], limits)?;
        let entries = known_classes(&source, "eurosat_rgb", &EUROSAT_CLASSES, &["jpg"])?;
        Ok(Self(ClassifiedFiles {
            info: info(),
            source,
            classes: EUROSAT_CLASSES.map(String::from).to_vec(),
            bands: Arc::new(sensors::sentinel2(&["B04", "B03", "B02"])?),
            unit: InputUnit::Uint8,
            dtype: Dtype::U8,
            entries,
        }))
    }
}

/// Licence, citation, source.
pub(super) fn info() -> DatasetInfo {
    DatasetInfo {
                name: "eurosat_rgb".into(),
                licence: EUROSAT_LICENCE.into(),
                citation: EUROSAT_CITATION.into(),
                source: "https://zenodo.org/records/7711810 (EuroSAT_RGB.zip), https://github.com/phelber/EuroSAT".into(),
                task: Task::Classification,
                expected: Some(27_000),
            }
}

classified_files!(EurosatRgb);
