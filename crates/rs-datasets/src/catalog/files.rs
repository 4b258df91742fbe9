//! What data sets made of one image file per sample have in common.

use std::path::Path;
use std::sync::Arc;

use super::tree::Entry;
use crate::io::{BandAxis, Dtype, Source, decode};
use crate::{BandSet, DataError, DatasetInfo, InputUnit, Label, ReadLimits, Sample};

/// A list of classified image files of one kind.
#[derive(Debug)]
pub(super) struct ClassifiedFiles {
    pub(super) info: DatasetInfo,
    pub(super) source: Source,
    pub(super) classes: Vec<String>,
    pub(super) bands: Arc<BandSet>,
    pub(super) unit: InputUnit,
    pub(super) dtype: Dtype,
    pub(super) entries: Vec<Entry>,
}

impl ClassifiedFiles {
    pub(super) fn load(&self, index: usize) -> Result<Sample, DataError> {
        let entry = entry(&self.entries, index)?;
        let path = self.source.path_of(&entry.name);
        let bytes = self.source.read(&entry.name)?;
        let raster = decode(bytes, &path, BandAxis::First, self.source.limits())?;
        raster.require_dtype(self.dtype, &path)?;
        let geo = raster.geo.clone();
        let (image, valid) = raster.into_image(&self.bands, self.unit, &path)?;
        Ok(Sample {
            image,
            valid,
            label: Label::Class(entry.class),
            id: entry.id.clone(),
            geo,
        })
    }
}

/// The entry at `index`, or the error that says how many there are.
pub(super) fn entry<T>(entries: &[T], index: usize) -> Result<&T, DataError> {
    entries.get(index).ok_or(DataError::IndexOutOfRange {
        index,
        len: entries.len(),
    })
}

/// Opens the first of `names` below `root` that exists, else `root` itself.
pub(super) fn open_first(
    root: &Path,
    names: &[&str],
    limits: ReadLimits,
) -> Result<Source, DataError> {
    let nested = names
        .iter()
        .map(|name| root.join(name))
        .find(|path| path.exists());
    Source::open_with(nested.as_deref().unwrap_or(root), limits)
}

/// Implements [`crate::Dataset`] for a struct around [`ClassifiedFiles`].
macro_rules! classified_files {
    ($type:ty) => {
        impl $crate::Dataset for $type {
            fn info(&self) -> &$crate::DatasetInfo {
                &self.0.info
            }
            fn classes(&self) -> &[String] {
                &self.0.classes
            }
            fn bands(&self) -> &$crate::BandSet {
                &self.0.bands
            }
            fn len(&self) -> usize {
                self.0.entries.len()
            }
            fn id(&self, index: usize) -> &str {
                &self.0.entries[index].id
            }
            fn class_of(&self, index: usize) -> Option<usize> {
                Some(self.0.entries[index].class)
            }
            fn published_split(&self, index: usize) -> Option<&str> {
                self.0.entries[index].split.as_deref()
            }
            fn load(&self, index: usize) -> Result<$crate::Sample, $crate::DataError> {
                self.0.load(index)
            }
        }
    };
}
pub(super) use classified_files;
