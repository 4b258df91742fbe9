//! What the owner of images says about them: bands, unit, classes, terms.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::io::{BandAxis, Dtype, Raster};
use crate::{Band, BandSet, DataError, DatasetInfo, InputUnit, Task};

/// The table `[dataset]` of a TOML manifest, or of a file `dataset.toml` beside a CSV manifest or class folders.
///
/// Every entry may be left out, an entry that is unknown is an error. For example:
/// ```toml
/// [dataset]
/// name = "ponds"
/// classes = ["lake", "pond"]
/// unit = { digital_number = { scale = 1e-4, offset = 0.0 } }
/// bands = [
///     { name = "B04", sensor = "Sentinel-2 MSI", wavelength_nm = 664.6, gsd_m = 10.0 },
///     { name = "B08", sensor = "Sentinel-2 MSI", wavelength_nm = 832.8, gsd_m = 10.0 },
/// ]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    /// Name of the data set; else that of its folder.
    pub name: Option<String>,
    /// Licence.
    pub licence: Option<String>,
    /// Whom to cite.
    pub citation: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// What the labels are: class names; for `multi_label` class names with `;` between them; for segmentation paths of masks that hold class indices.
    pub task: Task,
    /// Class names in the order of their label; else all that occur, sorted. Segmentation needs them.
    pub classes: Option<Vec<String>>,
    /// Bands in storage order; else `red, green, blue` for three and `band_1` ... for any other number.
    pub bands: Option<BandSet>,
    /// Unit of the values; may be left out for 8-bit images only.
    pub unit: Option<InputUnit>,
    /// Which axis of a `.npy` file counts the bands.
    pub band_axis: BandAxis,
    /// Mask values that mean "ignore", beside -1.
    pub ignore: Vec<i32>,
}

/// What all images of a set are.
#[derive(Clone, Debug)]
pub(super) struct ImageKind {
    pub(super) bands: Arc<BandSet>,
    pub(super) unit: InputUnit,
    /// The stored type, where the unit was concluded from it.
    pub(super) dtype: Option<Dtype>,
}

impl Description {
    /// What the images are, from the description and the first of them.
    ///
    /// # Errors
    /// [`DataError::Unsupported`] when the unit is not stated and cannot be known; it names `path`.
    pub(super) fn image_kind(&self, first: &Raster, path: &Path) -> Result<ImageKind, DataError> {
        let (unit, dtype) = match (self.unit, first.dtype()) {
            (Some(unit), _) => (unit, None),
            (None, Dtype::U8) => (InputUnit::Uint8, Some(Dtype::U8)),
            (None, other) => {
                return Err(DataError::Unsupported {
                    path: path.into(),
                    detail: format!("{other} samples without a unit"),
                    remedy: "state `unit` in the [dataset] table of the TOML manifest or of dataset.toml, e.g. \
                             unit = \"reflectance\"",
                });
            }
        };
        let bands = match &self.bands {
            Some(bands) => bands.clone(),
            None => BandSet::new(default_bands(first.bands))?,
        };
        Ok(ImageKind {
            bands: Arc::new(bands),
            unit,
            dtype,
        })
    }

    /// Terms and source, with the name of the folder where no name is given.
    pub(super) fn info(&self, root: &Path) -> DatasetInfo {
        let or = |given: &Option<String>, otherwise: &str| {
            given.clone().unwrap_or_else(|| otherwise.into())
        };
        let folder = root
            .file_stem()
            .map(|name| name.to_string_lossy().into_owned());
        DatasetInfo {
            name: or(&self.name, folder.as_deref().unwrap_or("own images")),
            licence: or(&self.licence, "not stated"),
            citation: or(&self.citation, "not stated"),
            source: or(&self.source, "not stated"),
            task: self.task,
            expected: None,
        }
    }
}

fn default_bands(count: usize) -> Vec<Band> {
    match count {
        3 => ["red", "green", "blue"]
            .map(|name| Band::other(name, "unknown", None))
            .to_vec(),
        _ => (1..=count)
            .map(|number| Band::other(&format!("band_{number}"), "unknown", None))
            .collect(),
    }
}
