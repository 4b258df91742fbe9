//! BigEarthNet (Sentinel-2, version 1): patches of 1.2 km with every land-cover class that occurs in them.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::enlarged::enlarged;
use super::files::open_first;
use super::mask::{Chip, checked, pixel_labels, raster};
use crate::io::{Dtype, Source};
use crate::{
    BandSet, DataError, DatasetInfo, Image, InputUnit, Label, ReadLimits, Sample, Task, sensors,
};

/// The bands in spectral order: those of Level-2A, without the cirrus band B10.
pub const BIGEARTHNET_BANDS: [&str; 12] = [
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12",
];

/// The 43 classes by which version 1 is labelled, in the order of the CORINE nomenclature (level 3).
pub const BIGEARTHNET_CLASSES: [&str; 43] = [
    "Continuous urban fabric",
    "Discontinuous urban fabric",
    "Industrial or commercial units",
    "Road and rail networks and associated land",
    "Port areas",
    "Airports",
    "Mineral extraction sites",
    "Dump sites",
    "Construction sites",
    "Green urban areas",
    "Sport and leisure facilities",
    "Non-irrigated arable land",
    "Permanently irrigated land",
    "Rice fields",
    "Vineyards",
    "Fruit trees and berry plantations",
    "Olive groves",
    "Pastures",
    "Annual crops associated with permanent crops",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas",
    "Broad-leaved forest",
    "Coniferous forest",
    "Mixed forest",
    "Natural grassland",
    "Moors and heathland",
    "Sclerophyllous vegetation",
    "Transitional woodland/shrub",
    "Beaches, dunes, sands",
    "Bare rock",
    "Sparsely vegetated areas",
    "Burnt areas",
    "Inland marshes",
    "Peatbogs",
    "Salt marshes",
    "Salines",
    "Intertidal flats",
    "Water courses",
    "Water bodies",
    "Coastal lagoons",
    "Estuaries",
    "Sea and ocean",
];

/// Place of the band whose grid the others are enlarged to: B02, 10 m.
const FINEST: usize = 1;
/// What ends the name of a patch's label file.
const LABELS: &str = "_labels_metadata.json";

/// BigEarthNet.
///
/// Layout: `<patch>/<patch>_<band>.tif` (one band, uint16 digital numbers, 120 x 120, 60 x 60 or 20 x 20 pixels) with
/// `<patch>/<patch>_labels_metadata.json`. Ids are `<patch>`. Bands of 20 and 60 m are enlarged by repeating pixels. A patch has one
/// class or several: [`Label::Classes`].
#[derive(Debug)]
pub struct BigEarthNet {
    info: DatasetInfo,
    source: Source,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    chips: Vec<Chip>,
}

/// What is read of a label file.
#[derive(Deserialize)]
struct Labels {
    labels: Vec<String>,
}

impl BigEarthNet {
    /// Opens the folder or archive that holds the patches, or a folder with `bigearthnet/` or `BigEarthNet-v1.0/` in it.
    ///
    /// # Errors
    /// [`DataError::Layout`]; [`DataError::Missing`] for a patch without one of its bands; [`DataError::DuplicateId`].
    pub fn open(root: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let source = open_first(root, &["bigearthnet", "BigEarthNet-v1.0"], limits)?;
        let names = source.list()?;
        let mut chips = Vec::new();
        for name in &names {
            let Some(stem) = name.strip_suffix(LABELS) else {
                continue;
            };
            let images = BIGEARTHNET_BANDS.map(|band| format!("{stem}_{band}.tif"));
            if let Some(file) = images.iter().find(|file| !source.contains(file)) {
                return Err(DataError::Missing {
                    path: source.path_of(file),
                    remedy: format!("it is a band of the patch of {name}; fetch the set again"),
                });
            }
            chips.push(Chip {
                id: stem.rsplit('/').next().unwrap_or(stem).to_owned(),
                images: images.to_vec(),
                mask: name.clone(),
                split: None,
            });
        }
        let expected = format!("<patch>/<patch>_<band>.tif with <patch>/<patch>{LABELS}");
        Ok(Self {
            info: info(),
            chips: checked(&source, "bigearthnet", &expected, chips)?,
            source,
            classes: BIGEARTHNET_CLASSES.map(String::from).to_vec(),
            bands: Arc::new(sensors::sentinel2(&BIGEARTHNET_BANDS)?),
        })
    }

    /// Indices of the classes of a patch, rising, each once.
    fn labels(&self, name: &str) -> Result<Vec<usize>, DataError> {
        let path = self.source.path_of(name);
        let read: Labels = serde_json::from_slice(&self.source.read(name)?).map_err(|error| {
            DataError::Manifest {
                path: path.clone(),
                place: format!("line {}", error.line()),
                detail: format!("{error}; expected an object with a list `labels`"),
            }
        })?;
        let index = |label: &String| {
            let found = self.classes.iter().position(|class| class == label);
            found.ok_or_else(|| DataError::UnknownLabel {
                path: path.clone(),
                place: "`labels`".into(),
                label: label.clone(),
                available: self.classes.join("; "),
            })
        };
        let mut classes: Vec<usize> = read.labels.iter().map(index).collect::<Result<_, _>>()?;
        classes.sort_unstable();
        classes.dedup();
        Ok(classes)
    }

    fn load_chip(&self, chip: &Chip) -> Result<Sample, DataError> {
        let finest = raster(&self.source, &chip.images[FINEST])?;
        let extent = [finest.height, finest.width];
        let mut data = Vec::with_capacity(chip.images.len() * extent[0] * extent[1]);
        for name in &chip.images {
            data.extend(enlarged(&self.source, name, Dtype::U16, extent)?);
        }
        let bands = Arc::clone(&self.bands);
        Ok(Sample {
            image: Image::new(bands, InputUnit::SENTINEL2_DN, extent[0], extent[1], data)?,
            valid: None,
            label: Label::Classes(self.labels(&chip.mask)?),
            id: chip.id.clone(),
            geo: finest.geo,
        })
    }
}

pixel_labels!(BigEarthNet);

/// Licence, citation, source.
pub(super) fn info() -> DatasetInfo {
    DatasetInfo {
                name: "bigearthnet".into(),
                licence: "CDLA-Permissive-1.0; contains modified Copernicus Sentinel data".into(),
                citation: "G. Sumbul et al.: BigEarthNet: A Large-Scale Benchmark Archive for Remote Sensing Image Understanding, \
                           IGARSS 2019"
                    .into(),
                source: "https://bigearth.net".into(),
                task: Task::MultiLabel,
                expected: Some(590_326),
    }
}
