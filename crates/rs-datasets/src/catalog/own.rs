//! Images of one's own: what folders and manifests have in common once the files are listed.

use std::path::{Path, PathBuf};

use super::description::{Description, ImageKind};
use super::files::entry;
use crate::io::{BandAxis, Raster, Source, decode, read_raster};
use crate::{DataError, DatasetInfo, Label, Mask, ReadLimits, Sample};

/// What is known about a sample's label before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Index into the class list.
    Class(usize),
    /// Indices into the class list.
    Classes(Vec<usize>),
    /// File that holds a class index per pixel.
    Mask(String),
    /// Nothing.
    None,
}

/// One listed image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) file: String,
    pub(super) target: Target,
    pub(super) split: Option<String>,
}

/// Where the files are.
#[derive(Debug)]
pub(super) enum Files {
    /// Inside a folder or archive.
    Source(Source),
    /// Anywhere, relative to a folder.
    Disk { base: PathBuf, limits: ReadLimits },
}

impl Files {
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        match self {
            Self::Source(source) => source.path_of(name),
            Self::Disk { base, .. } => base.join(name),
        }
    }

    fn raster(&self, name: &str, axis: BandAxis) -> Result<Raster, DataError> {
        let path = self.path_of(name);
        match self {
            Self::Source(source) => decode(source.read(name)?, &path, axis, source.limits()),
            Self::Disk { limits, .. } => read_raster(&path, axis, limits),
        }
    }
}

/// A described list of images.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) info: DatasetInfo,
    pub(super) classes: Vec<String>,
    pub(super) kind: ImageKind,
    pub(super) rows: Vec<Row>,
    files: Files,
    axis: BandAxis,
    ignore: Vec<i32>,
}

impl Own {
    /// Decodes the first image to learn what all are. `rows` is not empty and sorted by id.
    pub(super) fn new(
        root: &Path,
        description: &Description,
        classes: Vec<String>,
        rows: Vec<Row>,
        files: Files,
    ) -> Result<Self, DataError> {
        let first = &entry(&rows, 0)?.file;
        let raster = files.raster(first, description.band_axis)?;
        let kind = description.image_kind(&raster, &files.path_of(first))?;
        Ok(Self {
            info: description.info(root),
            classes,
            kind,
            rows,
            files,
            axis: description.band_axis,
            ignore: description.ignore.clone(),
        })
    }

    pub(super) fn load(&self, index: usize) -> Result<Sample, DataError> {
        let row = entry(&self.rows, index)?;
        let path = self.files.path_of(&row.file);
        let raster = self.files.raster(&row.file, self.axis)?;
        if let Some(dtype) = self.kind.dtype {
            raster.require_dtype(dtype, &path)?;
        }
        let geo = raster.geo.clone();
        let (image, valid) = raster.into_image(&self.kind.bands, self.kind.unit, &path)?;
        let label = match &row.target {
            Target::Class(class) => Label::Class(*class),
            Target::Classes(classes) => Label::Classes(classes.clone()),
            Target::Mask(name) => self.mask(name, image.height, image.width, valid.as_ref())?,
            Target::None => Label::None,
        };
        Ok(Sample {
            image,
            valid,
            label,
            id: row.id.clone(),
            geo,
        })
    }

    /// The class per pixel; pixels that the image or the mask file itself calls invalid are to be ignored.
    fn mask(
        &self,
        name: &str,
        height: usize,
        width: usize,
        valid: Option<&Mask>,
    ) -> Result<Label, DataError> {
        let path = self.files.path_of(name);
        let raster = self.files.raster(name, self.axis)?;
        if raster.bands != 1 {
            return Err(DataError::BandCount {
                path,
                expected: "1 (class index)".into(),
                found: raster.bands,
            });
        }
        if (raster.height, raster.width) != (height, width) {
            return Err(DataError::Extent {
                path,
                found: format!("{} x {}", raster.height, raster.width),
                expected: format!("{height} x {width}, as its image has"),
            });
        }
        let mut ignored = vec![false; height * width];
        for mask in [valid.map(|mask| &mask.valid), raster.valid.as_ref()]
            .into_iter()
            .flatten()
        {
            ignored
                .iter_mut()
                .zip(mask)
                .for_each(|(ignored, valid)| *ignored |= !valid);
        }
        let unknown = |at: usize, label: String| DataError::UnknownLabel {
            path: path.clone(),
            place: format!("row {}, column {}", at / width, at % width),
            label,
            available: format!(
                "-1 or an entry of `ignore` (ignored), 0 to {}",
                self.classes.len().saturating_sub(1)
            ),
        };
        let mut classes = match raster.samples.to_i32() {
            Ok(classes) => classes,
            // Not a number where the file says "no data" is fine; anywhere else it is a mistake.
            Err(_) => {
                let values = raster.samples.into_f32();
                let wrong = values
                    .iter()
                    .zip(&ignored)
                    .position(|(value, ignored)| !ignored && value.fract() != 0.0);
                if let Some(at) = wrong {
                    return Err(unknown(at, values[at].to_string()));
                }
                values.iter().map(|&value| value as i32).collect()
            }
        };
        for (at, class) in classes.iter_mut().enumerate() {
            if ignored[at] || *class == -1 || self.ignore.contains(class) {
                *class = -1;
            } else if usize::try_from(*class).map_or(true, |class| class >= self.classes.len()) {
                return Err(unknown(at, class.to_string()));
            }
        }
        Ok(Label::Segmentation {
            height,
            width,
            classes,
        })
    }
}

/// Implements [`crate::Dataset`] for a struct around [`Own`].
macro_rules! own_images {
    ($type:ty) => {
        impl $crate::Dataset for $type {
            fn info(&self) -> &$crate::DatasetInfo {
                &self.0.info
            }
            fn classes(&self) -> &[String] {
                &self.0.classes
            }
            fn bands(&self) -> &$crate::BandSet {
                &self.0.kind.bands
            }
            fn len(&self) -> usize {
                self.0.rows.len()
            }
            fn id(&self, index: usize) -> &str {
                &self.0.rows[index].id
            }
            fn class_of(&self, index: usize) -> Option<usize> {
                match self.0.rows[index].target {
                    $crate::catalog::own::Target::Class(class) => Some(class),
                    _ => None,
                }
            }
            fn published_split(&self, index: usize) -> Option<&str> {
                self.0.rows[index].split.as_deref()
            }
            fn load(&self, index: usize) -> Result<$crate::Sample, $crate::DataError> {
                self.0.load(index)
            }
        }
    };
}
pub(super) use own_images;
