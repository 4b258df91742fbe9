//! Which images and label files there are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use image::{ImageFormat, ImageReader};

use super::labels::{self, LabelCounts};
use super::{DotaConfig, DotaVersion};
use crate::catalog::files::open_first;
use crate::io::Source;
use crate::{DataError, OrientedObject, ReadLimits};

/// One image.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    /// Name of the image file in the source.
    pub(super) file: String,
    pub(super) part: Option<String>,
    pub(super) height: usize,
    pub(super) width: usize,
    /// `None` without a label file.
    pub(super) objects: Option<Vec<OrientedObject>>,
    pub(super) gsd: Option<f64>,
}

/// All images with their labels, by id.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) source: Source,
    pub(super) classes: Vec<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) counts: LabelCounts,
    /// Label files without an image.
    pub(super) unpaired: usize,
}

impl Listing {
    /// Lists the images, reads all label files and the extents of all images; decodes nothing.
    pub(super) fn open(
        root: &Path,
        config: &DotaConfig,
        limits: ReadLimits,
    ) -> Result<Self, DataError> {
        let source = open_first(root, &["dota", "DOTA"], limits)?;
        let classes = match &config.classes {
            Some(classes) => classes.clone(),
            None => {
                let names = config.version.classes();
                names.iter().map(|&name| name.to_owned()).collect()
            }
        };
        let mut listing = Self {
            source,
            classes,
            entries: Vec::new(),
            counts: LabelCounts::default(),
            unpaired: 0,
        };
        listing.fill(config)?;
        Ok(listing)
    }

    fn fill(&mut self, config: &DotaConfig) -> Result<(), DataError> {
        let names = self.source.list()?;
        let mut labels: BTreeMap<(Option<&str>, &str), &str> = BTreeMap::new();
        let mut images: Vec<(Option<&str>, &str, &str)> = Vec::new();
        for name in &names {
            let Some((part, folder, stem, ending)) = parts(name) else {
                continue;
            };
            if folder == "images" && ["png", "jpg", "jpeg"].contains(&ending) {
                images.push((part, stem, name));
            } else if is_label_folder(folder, config.version) && ending == "txt" {
                labels.insert((part, stem), name);
            }
        }
        if images.is_empty() {
            return Err(DataError::Layout {
                root: self.source.root().into(),
                dataset: "DOTA".into(),
                expected:
                    "images/<id>.png and labelTxt/<id>.txt, perhaps inside train/, val/ and test/"
                        .into(),
                found: match names.first() {
                    Some(first) => format!("{} files, none of them so, e.g. {first}", names.len()),
                    None => "no files".into(),
                },
            });
        }
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (part, stem, name) in images {
            if let Some(first) = seen.insert(stem, name) {
                return Err(DataError::DuplicateId {
                    root: self.source.root().into(),
                    id: stem.into(),
                    first: first.into(),
                    second: name.into(),
                });
            }
            let (height, width) = extent(&self.source, name)?;
            let label = labels.remove(&(part, stem));
            if label.is_none() && part != Some("test") {
                return Err(DataError::Missing {
                    path: self.source.path_of(name).with_extension("txt"),
                    remedy: format!(
                        "`{name}` needs a label file labelTxt/{stem}.txt beside its folder; write an empty one when it shows no object"
                    ),
                });
            }
            let mut gsd = None;
            let objects = label
                .map(|label| {
                    let path = self.source.path_of(label);
                    let file = labels::parse(&path, self.source.read(label)?)?;
                    gsd = file.gsd;
                    labels::objects(
                        &path,
                        &file,
                        &self.classes,
                        config,
                        (height, width),
                        &mut self.counts,
                    )
                })
                .transpose()?;
            self.entries.push(Entry {
                id: stem.to_owned(),
                file: name.to_owned(),
                part: part.map(str::to_owned),
                height,
                width,
                objects,
                gsd,
            });
        }
        self.unpaired = labels.len();
        self.entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    }
}

/// Part, folder, stem and ending of `[part/]folder/stem.ending`; label folders may hold one more folder.
fn parts(name: &str) -> Option<(Option<&str>, &str, &str, &str)> {
    let pieces: Vec<&str> = name.split('/').collect();
    let (file, folders) = pieces.split_last()?;
    let (stem, ending) = file.rsplit_once('.')?;
    let (part, rest) = match folders {
        [part @ ("train" | "val" | "test"), rest @ ..] => (Some(*part), rest),
        rest => (None, rest),
    };
    match rest {
        [folder] => Some((part, *folder, stem, ending)),
        [folder, _] if folder.starts_with("labelTxt") => Some((part, *folder, stem, ending)),
        _ => None,
    }
}

fn is_label_folder(folder: &str, version: DotaVersion) -> bool {
    folder == "labelTxt" || folder == format!("labelTxt-v{version}")
}

/// Rows and columns from the header of a picture.
fn extent(source: &Source, name: &str) -> Result<(usize, usize), DataError> {
    let path = source.path_of(name);
    let corrupt = |detail: String| DataError::Corrupt {
        path: path.clone(),
        format: "PNG or JPEG",
        detail,
    };
    let format = if name.ends_with("png") {
        ImageFormat::Png
    } else {
        ImageFormat::Jpeg
    };
    // In a folder only the beginning of the file is read; DOTA's pictures make tens of gigabytes.
    let read = if path.is_file() {
        let file = File::open(&path).map_err(|source| DataError::Io {
            action: "open",
            path: path.clone(),
            source,
        })?;
        ImageReader::with_format(BufReader::new(file), format).into_dimensions()
    } else {
        ImageReader::with_format(Cursor::new(source.read(name)?), format).into_dimensions()
    };
    let (width, height) = read.map_err(|error| corrupt(error.to_string()))?;
    source
        .limits()
        .check_decoded(&path, &[width.into(), height.into(), 3])?;
    if width == 0 || height == 0 {
        return Err(corrupt("it has no pixels".into()));
    }
    Ok((height as usize, width as usize))
}
