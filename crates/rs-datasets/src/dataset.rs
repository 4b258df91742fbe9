//! What every data set offers: samples by index, in physical units, with where they come from.

use serde::{Deserialize, Serialize};

use crate::{BandSet, DataError, Sample};

/// Which question the labels of a data set answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One class per image.
    #[default]
    Classification,
    /// Every class that occurs in an image, one or several.
    MultiLabel,
    /// One class per pixel.
    Segmentation,
    /// Objects with oriented boxes.
    OrientedDetection,
}

/// Where a data set comes from and how it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetInfo {
    /// Name under which the registry knows it, e.g. `eurosat_rgb`.
    pub name: String,
    /// Licence or terms of use, as the publisher states them.
    pub licence: String,
    /// Whom to cite.
    pub citation: String,
    /// Where it can be fetched, as text; this crate never opens a connection.
    pub source: String,
    /// Which question the labels answer.
    pub task: Task,
    /// How many samples the complete published set has; `None` for data of one's own.
    pub expected: Option<usize>,
}

/// A data set: labelled samples in a fixed order, decoded one at a time.
///
/// The order is the same on every machine: by id. An index is below [`Dataset::len`]; [`Dataset::load`] answers a larger one
/// with [`DataError::IndexOutOfRange`], the cheap accessors panic on it like a slice.
pub trait Dataset: Send + Sync {
    /// Licence, citation, source.
    fn info(&self) -> &DatasetInfo;

    /// Name under which the registry knows the set.
    fn name(&self) -> &str {
        &self.info().name
    }

    /// Class names; a label is an index into them.
    fn classes(&self) -> &[String];

    /// The bands of every sample, in storage order.
    fn bands(&self) -> &BandSet;

    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there is no sample.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Identity of sample `index`, unique within the set, e.g. `Forest_1031`.
    fn id(&self, index: usize) -> &str;

    /// Class of sample `index` without decoding it; `None` where the task has no class per image.
    fn class_of(&self, index: usize) -> Option<usize>;

    /// Part of a split that was published with the set and that sample `index` belongs to, e.g. `train`.
    fn published_split(&self, _index: usize) -> Option<&str> {
        None
    }

    /// Reads and decodes sample `index`, in raw physical units.
    ///
    /// # Errors
    /// [`DataError::IndexOutOfRange`], and whatever reading or decoding the file gives; each names the file.
    fn load(&self, index: usize) -> Result<Sample, DataError>;

    /// The index of the sample with this id.
    ///
    /// # Errors
    /// [`DataError::UnknownId`].
    fn index_of(&self, id: &str) -> Result<usize, DataError> {
        (0..self.len())
            .find(|&index| self.id(index) == id)
            .ok_or_else(|| DataError::UnknownId {
                dataset: self.name().into(),
                id: id.into(),
            })
    }
}
