//! The example patch of eo-learn: Sentinel-2 on several dates, land cover per pixel.

use std::path::Path;
use std::sync::Arc;

use super::files::open_first;
use super::mask::{Chip, class_labels, pixel_labels};
use crate::io::{BandAxis, Dtype, NpyArray, Source, decode_npy};
use crate::{
    Band, BandSet, DataError, DatasetInfo, Image, InputUnit, ReadLimits, Sample, Task, sensors,
};

/// Class names; the mask holds their places counted from 1, and 0 where no cover is known.
pub const EO_LEARN_CLASSES: [&str; 10] = [
    "Cultivated land",
    "Forest",
    "Grassland",
    "Shrubland",
    "Water",
    "Wetlands",
    "Tundra",
    "Artificial surface",
    "Bareland",
    "Snow and ice",
];

/// The arrays of the patch.
const SCENES: &str = "REFERENCE_SCENES.npy";
const COVER: &str = "LULC.npy";

/// Which dates make up the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// One of them, counted from 0; its bands are named `B01` and so on.
    One(usize),
    /// All, one behind the other; the bands of date `t` are named `B01@t` and so on.
    All,
}

/// Land cover of eo-learn's example patch, one sample.
///
/// Layout: `REFERENCE_SCENES.npy` (`[date, row, column, band]`, float32 reflectance of the 13 Sentinel-2 bands in spectral order) with
/// `LULC.npy` (`[row, column, 1]`, uint16). The id is `patch`.
///
/// It is one patch, so its windows are the samples of an experiment; windows of one date are never mixed with windows of another, as
/// the same ground would lie in training and test.
#[derive(Debug)]
pub struct EoLearnPatch {
    info: DatasetInfo,
    source: Source,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    chips: Vec<Chip>,
    dates: Dates,
}

impl EoLearnPatch {
    /// Opens the folder or archive with the two arrays, or a folder with `eo_learn/` in it.
    ///
    /// # Errors
    /// [`DataError::Layout`] without the arrays, [`DataError::Setting`] for a date that there is not, and what reading gives.
    pub fn open(root: &Path, dates: Dates, limits: ReadLimits) -> Result<Self, DataError> {
        let source = open_first(root, &["eo_learn", "eo_learn.zip"], limits)?;
        let names = source.list()?;
        let find = |file: &str| {
            let found = names
                .iter()
                .find(|name| name.rsplit('/').next() == Some(file));
            found.cloned().ok_or_else(|| DataError::Layout {
                root: source.root().into(),
                dataset: "eo_learn".into(),
                expected: format!("{SCENES} with {COVER}"),
                found: format!("{} files, none of them {file}", names.len()),
            })
        };
        let chips = vec![Chip {
            id: "patch".into(),
            images: vec![find(SCENES)?],
            mask: find(COVER)?,
            split: None,
        }];
        let [count, ..] = scenes(&source, &chips[0].images[0])?.1;
        if let Dates::One(date) = dates
            && date >= count
        {
            return Err(DataError::Setting {
                what: "date".into(),
                detail: format!("{date}; the patch has the dates 0 to {}", count - 1),
            });
        }
        let dated = match dates {
            Dates::One(_) => None,
            Dates::All => Some(count),
        };
        Ok(Self {
            info: info(match dates {
                Dates::One(_) => "eo_learn",
                Dates::All => "eo_learn_dates",
            }),
            source,
            classes: EO_LEARN_CLASSES.map(String::from).to_vec(),
            bands: Arc::new(bands(dated)?),
            chips,
            dates,
        })
    }

    fn load_chip(&self, chip: &Chip) -> Result<Sample, DataError> {
        let (values, [dates, height, width, bands]) = scenes(&self.source, &chip.images[0])?;
        let wanted = match self.dates {
            Dates::One(date) => date..date + 1,
            Dates::All => 0..dates,
        };
        let area = height * width;
        let mut data = Vec::with_capacity(wanted.len() * bands * area);
        for date in wanted {
            let date = &values[date * area * bands..(date + 1) * area * bands];
            for band in 0..bands {
                data.extend(date.iter().skip(band).step_by(bands));
            }
        }
        let path = self.source.path_of(&chip.mask);
        let cover = decode_npy(&self.source.read(&chip.mask)?, &path, self.source.limits())?;
        let cover = cover.into_raster(BandAxis::Last, &path)?;
        let label = class_labels(cover, &path, [height, width], self.classes.len(), -1)?;
        let bands = Arc::clone(&self.bands);
        Ok(Sample {
            image: Image::new(bands, InputUnit::Reflectance, height, width, data)?,
            valid: None,
            label,
            id: chip.id.clone(),
            geo: None,
        })
    }
}

/// Dates of the published patch.
pub(super) const DATES: usize = 5;

/// Licence, citation, source.
pub(super) fn info(name: &str) -> DatasetInfo {
    DatasetInfo {
        name: name.into(),
        licence: "MIT; contains modified Copernicus Sentinel data".into(),
        citation: "Sentinel Hub: eo-learn, example data, 2018".into(),
        source: "https://github.com/sentinel-hub/eo-learn".into(),
        task: Task::Segmentation,
        expected: Some(1),
    }
}

/// The 13 bands of one date, or those of `dates` dates one behind the other.
pub(super) fn bands(dates: Option<usize>) -> Result<BandSet, DataError> {
    let once = sensors::sentinel2(&sensors::SENTINEL2_BANDS.map(|(name, ..)| name))?;
    let Some(dates) = dates else { return Ok(once) };
    let of_date = |date| once.as_slice().iter().map(move |band| on_date(band, date));
    BandSet::new((0..dates).flat_map(of_date).collect())
}

/// The name by which a band of one of several dates is known.
fn on_date(band: &Band, date: usize) -> Band {
    Band {
        name: format!("{}@{date}", band.name),
        ..band.clone()
    }
}

/// The values of all dates, `[date, row, column, band]`.
fn scenes(source: &Source, name: &str) -> Result<(Vec<f32>, [usize; 4]), DataError> {
    let path = source.path_of(name);
    let NpyArray { shape, samples } = decode_npy(&source.read(name)?, &path, source.limits())?;
    let bands = sensors::SENTINEL2_BANDS.len();
    match shape[..] {
        [dates, height, width, found]
            if found == bands && dates > 0 && samples.dtype() == Dtype::F32 =>
        {
            Ok((samples.into_f32(), [dates, height, width, bands]))
        }
        _ => Err(DataError::Unsupported {
            path,
            detail: format!("{} values of shape {shape:?}", samples.dtype().name()),
            remedy: "expected float32 of shape [date, row, column, 13]; fetch the file again",
        }),
    }
}

pixel_labels!(EoLearnPatch);
