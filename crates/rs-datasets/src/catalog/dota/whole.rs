//! DOTA, one sample per image.

use std::path::Path;

use super::DotaConfig;
use super::cache::{self, Pictures};
use super::labels::LabelCounts;
use super::listing::Listing;
use crate::catalog::files::entry;
use crate::{
    BandSet, DataError, Dataset, DatasetInfo, Interpolation, Label, ReadLimits, Sample, Task,
};

/// Whole images of DOTA with [`Label::Objects`] (or [`Label::None`] where the publishers keep the labels).
#[derive(Debug)]
pub struct Dota {
    info: DatasetInfo,
    bands: BandSet,
    listing: Listing,
}

impl Dota {
    /// Opens a folder or archive. All label files are read and checked now, pictures when they are asked for.
    ///
    /// # Errors
    /// [`DataError::Layout`], [`DataError::Missing`] for an image without label file, [`DataError::Manifest`] and [`DataError::UnknownLabel`] with
    /// file and line, [`DataError::DuplicateId`], [`DataError::Corrupt`] for a picture whose header cannot be read.
    pub fn open(root: &Path, config: &DotaConfig, limits: ReadLimits) -> Result<Self, DataError> {
        let listing = Listing::open(root, config, limits)?;
        Ok(Self {
            info: info("dota", Task::OrientedDetection, config),
            bands: cache::bands()?,
            listing,
        })
    }

    /// What was found in the label files.
    pub fn counts(&self) -> LabelCounts {
        self.listing.counts
    }

    /// How many label files have no image.
    pub fn unpaired_labels(&self) -> usize {
        self.listing.unpaired
    }

    /// Rows and columns of image `index`, without decoding it.
    pub fn extent(&self, index: usize) -> (usize, usize) {
        let entry = &self.listing.entries[index];
        (entry.height, entry.width)
    }

    /// The objects of image `index`, without decoding it; `None` where there are no labels.
    pub fn objects(&self, index: usize) -> Option<&[crate::OrientedObject]> {
        self.listing.entries[index].objects.as_deref()
    }

    /// Ground sampling distance of image `index` as published: metres per pixel in most files, degrees in some.
    pub fn gsd(&self, index: usize) -> Option<f64> {
        self.listing.entries[index].gsd
    }
}

/// Licence, citation, source.
pub(super) fn info(name: &str, task: Task, config: &DotaConfig) -> DatasetInfo {
    DatasetInfo {
        name: name.into(),
        licence:
            "academic use only; the images are Google Earth's, GF-2's, JL-1's and CycloMedia's"
                .into(),
        citation: format!(
            "G.-S. Xia et al.: DOTA: A Large-scale Dataset for Object Detection in Aerial Images, CVPR 2018 \
             (version {}; 1.5: DOAI 2019; 2.0: J. Ding et al., TPAMI 2021)",
            config.version
        ),
        source: "https://captain-whu.github.io/DOTA".into(),
        task,
        expected: None,
    }
}

impl Dataset for Dota {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    fn bands(&self) -> &BandSet {
        &self.bands
    }

    fn len(&self) -> usize {
        self.listing.entries.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.listing.entries[index].id
    }

    fn class_of(&self, _index: usize) -> Option<usize> {
        None
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        self.listing.entries[index].part.as_deref()
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let entry = entry(&self.listing.entries, index)?;
        let label = match &entry.objects {
            Some(objects) => Label::Objects(objects.clone()),
            None => Label::None,
        };
        // Nothing is kept: whole images are asked for once.
        let picture = Pictures::default().get(&self.listing, index, 1.0, Interpolation::Nearest)?;
        picture.part(0, 0, picture.height, picture.width, entry.id.clone(), label)
    }
}
