//! MADOS: marine debris, oil spills and what resembles them, Sentinel-2 after atmospheric correction, a class per pixel.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::files::open_first;
use super::mask::{Chip, checked, class_mask, pixel_labels, raster};
use crate::io::{Dtype, Source};
use crate::{
    BandSet, DataError, DatasetInfo, Image, InputUnit, Mask, ReadLimits, Sample, Task, sensors,
};

/// The bands by rising wavelength, which is the order of the files.
pub const MADOS_BANDS: [&str; 11] = [
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12",
];
/// Class names; a mask holds their places counted from 1, and 0 where nothing was labelled.
pub const MADOS_CLASSES: [&str; 15] = [
    "Marine Debris",
    "Dense Sargassum",
    "Sparse Floating Algae",
    "Natural Organic Material",
    "Ship",
    "Oil Spill",
    "Marine Water",
    "Sediment-Laden Water",
    "Foam",
    "Turbid Water",
    "Shallow Water",
    "Waves & Wakes",
    "Oil Platform",
    "Jellyfish",
    "Sea snot",
];

/// MADOS.
///
/// Layout: `Scene_<n>/{10,20,60}/Scene_<n>_L2R_rhorc_<nm>_<crop>.tif` (one band, float32, Rayleigh-corrected reflectance, in the
/// ground sampling distance that names the folder), `Scene_<n>/10/Scene_<n>_L2R_cl_<crop>.tif` (mask), and `splits/{train,val,test}_X.txt`
/// with ids. Ids are `Scene_<n>_<crop>`.
///
/// Bands are told apart by the order of their wavelengths, because the two satellites differ by some nanometres. Bands of 20 and
/// 60 m are enlarged by repeating pixels. Pixels that are NaN in a band are invalid; their labels stay.
#[derive(Debug)]
pub struct Mados {
    info: DatasetInfo,
    source: Source,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    chips: Vec<Chip>,
}

impl Mados {
    /// Opens the folder or archive that holds the scenes, or a folder with `MADOS/` in it.
    ///
    /// # Errors
    /// [`DataError::Layout`]; [`DataError::Missing`] for a listed crop without files; [`DataError::BandCount`] for a crop with
    /// another number of bands; [`DataError::Manifest`] for a crop listed twice.
    pub fn open(root: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let source = open_first(root, &["MADOS", "MADOS.zip", "mados"], limits)?;
        let names = source.list()?;
        let mut images: HashMap<String, BTreeMap<u32, String>> = HashMap::new();
        let mut masks: HashMap<String, String> = HashMap::new();
        for name in &names {
            match crop_file(name) {
                Some((id, Some(nm))) => {
                    images.entry(id).or_default().insert(nm, name.clone());
                }
                Some((id, None)) => {
                    masks.insert(id, name.clone());
                }
                None => {}
            }
        }
        let parts = parts(&source, &names)?;
        for id in parts.keys() {
            if !masks.contains_key(id) {
                return Err(DataError::Missing {
                    path: source.path_of(id),
                    remedy: "a split lists this crop, but it has no mask; fetch the set again"
                        .into(),
                });
            }
        }
        let mut chips = Vec::new();
        for (id, mask) in masks {
            let bands = images.remove(&id).unwrap_or_default();
            if bands.len() != MADOS_BANDS.len() {
                return Err(DataError::BandCount {
                    path: source.path_of(&mask),
                    expected: format!("{} files of one band each beside it", MADOS_BANDS.len()),
                    found: bands.len(),
                });
            }
            chips.push(Chip {
                images: bands.into_values().collect(),
                mask,
                split: parts.get(&id).cloned(),
                id,
            });
        }
        let expected = "Scene_<n>/{10,20,60}/Scene_<n>_L2R_rhorc_<nm>_<crop>.tif with Scene_<n>/10/Scene_<n>_L2R_cl_<crop>.tif";
        Ok(Self {
            info: info(),
            chips: checked(&source, "mados", expected, chips)?,
            source,
            classes: MADOS_CLASSES.map(String::from).to_vec(),
            bands: Arc::new(sensors::sentinel2(&MADOS_BANDS)?),
        })
    }

    fn load_chip(&self, chip: &Chip) -> Result<Sample, DataError> {
        let mask = raster(&self.source, &chip.mask)?;
        let extent = [mask.height, mask.width];
        let [height, width] = extent;
        let mut data = Vec::with_capacity(self.bands.len().saturating_mul(height * width));
        for name in &chip.images {
            data.extend(self.band(name, extent)?);
        }
        let valid: Vec<bool> = (0..height * width)
            .map(|pixel| {
                let mut bands = data.iter().skip(pixel).step_by(height * width);
                bands.all(|value| value.is_finite())
            })
            .collect();
        let label = class_mask(&self.source, &chip.mask, extent, self.classes.len(), -1)?;
        let bands = Arc::clone(&self.bands);
        Ok(Sample {
            image: Image::new(bands, InputUnit::Reflectance, height, width, data)?,
            valid: valid.contains(&false).then_some(Mask {
                height,
                width,
                valid,
            }),
            label,
            id: chip.id.clone(),
            geo: mask.geo,
        })
    }

    /// One band, its pixels repeated until it has the extent of the mask.
    fn band(&self, name: &str, [height, width]: [usize; 2]) -> Result<Vec<f32>, DataError> {
        let path = self.source.path_of(name);
        let raster = raster(&self.source, name)?;
        raster.require_dtype(Dtype::F32, &path)?;
        if raster.bands != 1 {
            return Err(DataError::BandCount {
                path,
                expected: "1".into(),
                found: raster.bands,
            });
        }
        let factor = height / raster.height.max(1);
        if factor == 0 || [raster.height * factor, raster.width * factor] != [height, width] {
            return Err(DataError::Extent {
                path,
                found: format!("{} x {}", raster.height, raster.width),
                expected: format!("a whole fraction of {height} x {width}, which its mask has"),
            });
        }
        let small = raster.width;
        let values = raster.samples.into_f32();
        let pixel = |row: usize, column: usize| values[row / factor * small + column / factor];
        Ok((0..height)
            .flat_map(|row| (0..width).map(move |column| (row, column)))
            .map(|(row, column)| pixel(row, column))
            .collect())
    }
}

/// Id of the crop that a file belongs to, and its wavelength in nanometres if it is a band.
fn crop_file(name: &str) -> Option<(String, Option<u32>)> {
    let file = name.rsplit('/').next()?.strip_suffix(".tif")?;
    let (scene, rest) = file.split_once("_L2R_")?;
    if let Some(crop) = rest.strip_prefix("cl_") {
        return Some((format!("{scene}_{crop}"), None));
    }
    let (nm, crop) = rest.strip_prefix("rhorc_")?.split_once('_')?;
    Some((format!("{scene}_{crop}"), Some(nm.parse().ok()?)))
}

/// Published part by crop.
fn parts(source: &Source, names: &[String]) -> Result<HashMap<String, String>, DataError> {
    let mut parts = HashMap::new();
    for part in ["train", "val", "test"] {
        let file = format!("splits/{part}_X.txt");
        let Some(name) = names.iter().find(|name| name.ends_with(&file)) else {
            continue;
        };
        let path = source.path_of(name);
        let text = String::from_utf8_lossy(&source.read(name)?).into_owned();
        for (line, id) in text.lines().map(str::trim).enumerate() {
            if id.is_empty() {
                continue;
            }
            if let Some(other) = parts.insert(id.to_owned(), part.to_owned()) {
                return Err(DataError::Manifest {
                    path,
                    place: format!("line {}", line + 1),
                    detail: format!(
                        "`{id}` is in the part `{other}` already; a crop belongs to one part"
                    ),
                });
            }
        }
    }
    Ok(parts)
}

/// Licence, citation, source.
pub(super) fn info() -> DatasetInfo {
    DatasetInfo {
                name: "mados".into(),
                licence: "CC-BY-4.0".into(),
                citation: "K. Kikaki et al.: Detecting Marine pollutants and Sea Surface features with Deep learning in Sentinel-2 \
                           imagery, ISPRS Journal 210, 2024"
                    .into(),
                source: "https://zenodo.org/records/10664073".into(),
                task: Task::Segmentation,
                expected: Some(2_803),
            }
}

pixel_labels!(Mados);
