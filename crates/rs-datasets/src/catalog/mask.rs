//! What published sets with a class per pixel have in common: a list of chips, and masks of class numbers.

use std::path::Path;

use crate::io::{BandAxis, Raster, Source, decode};
use crate::{DataError, Label};

/// One image and its mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chip {
    pub(super) id: String,
    /// Files of the image in the order of the bands, or one file with all of them.
    pub(super) images: Vec<String>,
    /// File of the mask, or of the classes that occur.
    pub(super) mask: String,
    /// Published part, e.g. `train`.
    pub(super) split: Option<String>,
}

/// A file decoded, as it is.
pub(super) fn raster(source: &Source, name: &str) -> Result<Raster, DataError> {
    let path = source.path_of(name);
    decode(source.read(name)?, &path, BandAxis::First, source.limits())
}

/// Refuses a raster whose extent is not that of its image.
pub(super) fn require_extent(
    path: &Path,
    raster: &Raster,
    [height, width]: [usize; 2],
) -> Result<(), DataError> {
    if [raster.height, raster.width] == [height, width] {
        return Ok(());
    }
    Err(DataError::Extent {
        path: path.into(),
        found: format!("{} x {}", raster.height, raster.width),
        expected: format!("{height} x {width}, as its image has"),
    })
}

/// The class per pixel: the number in the file plus `shift`, of which -1 is to be ignored. The no-data value of the file is not
/// looked at, as the published protocols do not: a class may have its number.
pub(super) fn class_mask(
    source: &Source,
    name: &str,
    extent: [usize; 2],
    classes: usize,
    shift: i32,
) -> Result<Label, DataError> {
    class_labels(
        raster(source, name)?,
        &source.path_of(name),
        extent,
        classes,
        shift,
    )
}

/// As [`class_mask`], of a raster that was decoded already; `path` names it in errors.
pub(super) fn class_labels(
    raster: Raster,
    path: &Path,
    extent: [usize; 2],
    classes: usize,
    shift: i32,
) -> Result<Label, DataError> {
    if raster.bands != 1 {
        return Err(DataError::BandCount {
            path: path.into(),
            expected: "1 (class number)".into(),
            found: raster.bands,
        });
    }
    require_extent(path, &raster, extent)?;
    let [height, width] = extent;
    let known = |value: f32| {
        if value.is_nan() {
            return Some(-1);
        }
        // Whole numbers of this size are exact.
        let fits = value.fract() == 0.0 && value.abs() < 1e6;
        let class = fits.then_some(value as i32 + shift)?;
        (-1..classes as i32).contains(&class).then_some(class)
    };
    let values = raster.samples.into_f32();
    let found: Vec<Option<i32>> = values.iter().map(|&value| known(value)).collect();
    if let Some(at) = found.iter().position(Option::is_none) {
        return Err(DataError::UnknownLabel {
            path: path.into(),
            place: format!("row {}, column {}", at / width, at % width),
            label: values[at].to_string(),
            available: format!(
                "{} (ignored), {} to {}",
                -1 - shift,
                -shift,
                classes as i32 - 1 - shift
            ),
        });
    }
    Ok(Label::Segmentation {
        height,
        width,
        classes: found.into_iter().flatten().collect(),
    })
}

/// Sorts by id and refuses an empty list and ids that occur twice.
pub(super) fn checked(
    source: &Source,
    dataset: &str,
    expected: &str,
    mut chips: Vec<Chip>,
) -> Result<Vec<Chip>, DataError> {
    if chips.is_empty() {
        let names = source.list()?;
        return Err(DataError::Layout {
            root: source.root().into(),
            dataset: dataset.into(),
            expected: expected.into(),
            found: match names.first() {
                Some(first) => format!("{} files, the first of them {first}", names.len()),
                None => "no file at all".into(),
            },
        });
    }
    chips.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = chips.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(DataError::DuplicateId {
            root: source.root().into(),
            id: pair[0].id.clone(),
            first: pair[0].mask.clone(),
            second: pair[1].mask.clone(),
        });
    }
    Ok(chips)
}

/// Implements [`crate::Dataset`] for a struct with `info`, `classes`, `bands`, `chips` and a method `load_chip`.
macro_rules! pixel_labels {
    ($type:ty) => {
        impl $crate::Dataset for $type {
            fn info(&self) -> &$crate::DatasetInfo {
                &self.info
            }
            fn classes(&self) -> &[String] {
                &self.classes
            }
            fn bands(&self) -> &$crate::BandSet {
                &self.bands
            }
            fn len(&self) -> usize {
                self.chips.len()
            }
            fn id(&self, index: usize) -> &str {
                &self.chips[index].id
            }
            fn class_of(&self, _index: usize) -> Option<usize> {
                None
            }
            fn published_split(&self, index: usize) -> Option<&str> {
                self.chips[index].split.as_deref()
            }
            fn load(&self, index: usize) -> Result<$crate::Sample, $crate::DataError> {
                self.load_chip($crate::catalog::files::entry(&self.chips, index)?)
            }
        }
    };
}
pub(super) use pixel_labels;
