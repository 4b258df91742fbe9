//! EuroSAT with all 13 bands: Sentinel-2 Level-1C digital numbers, 64 x 64 pixels resampled to 10 m.

use std::path::Path;
use std::sync::Arc;

use super::eurosat_rgb::{EUROSAT_CITATION, EUROSAT_CLASSES, EUROSAT_LICENCE};
use super::files::{ClassifiedFiles, classified_files, open_first};
use super::tree::known_classes;
use crate::io::Dtype;
use crate::{DataError, DatasetInfo, InputUnit, ReadLimits, Task, sensors};

/// EuroSAT, 13 bands.
///
/// Layouts: `{train,test}/<Class>/<Class>_<n>.tif` (then [`crate::Dataset::published_split`] answers `train` or `test`) and
/// `<Class>/<Class>_<n>.tif`, below any outer folder or in a zip archive. An id names the same patch of ground as the same id
/// of [`super::EurosatRgb`].
///
/// The files store **B8A last** ([`sensors::EUROSAT_BAND_ORDER`]); select bands by name. B10 (cirrus) holds next to nothing.
#[derive(Debug)]
pub struct EurosatMs(ClassifiedFiles);

impl EurosatMs {
    /// Opens the folder or archive, or a folder that holds `eurosat_ms/` or `EuroSAT_MS.zip`.
    ///
    /// # Errors
    /// As [`super::EurosatRgb::open`].
    pub fn open(root: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let source = open_first(
            root,
            &["eurosat_ms", "EuroSAT_MS.zip", "EuroSAT_MS"],
            limits,
        )?;
        let entries = known_classes(&source, "eurosat_ms", &EUROSAT_CLASSES, &["tif", "tiff"])?;
        Ok(Self(ClassifiedFiles {
            info: info(),
            source,
            classes: EUROSAT_CLASSES.map(String::from).to_vec(),
            bands: Arc::new(sensors::sentinel2(&sensors::EUROSAT_BAND_ORDER)?),
            unit: InputUnit::SENTINEL2_DN,
            dtype: Dtype::U16,
            entries,
        }))
    }
}

/// Licence, citation, source.
pub(super) fn info() -> DatasetInfo {
    DatasetInfo {
                name: "eurosat_ms".into(),
                licence: EUROSAT_LICENCE.into(),
                citation: EUROSAT_CITATION.into(),
                source: "https://zenodo.org/records/7711810 (EuroSAT_MS.zip), https://github.com/phelber/EuroSAT".into(),
                task: Task::Classification,
                expected: Some(27_000),
            }
}

classified_files!(EurosatMs);
