//! Images of one's own, listed in a CSV or TOML file.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::description::Description;
use super::manifest_rows::{ManifestRow, parse_description, parse_rows, parse_toml};
use super::own::{Files, Own, Row, Target, own_images};
use super::tree::stem;
use crate::io::read_file;
use crate::{DataError, ReadLimits, Task};

/// A manifest: one row per image with its path, label and split.
///
/// CSV (RFC 4180) has a header with `path` and, if wanted, `label`, `split`, `id`; a `dataset.toml` beside it may describe the
/// images ([`Description`]). TOML has the description in `[dataset]` and the same entries in `[[sample]]`. Paths are relative
/// to the manifest. A label is a class name, for images of several classes `forest; water`, or for segmentation the path of a mask; without labels the set can be predicted
/// on, not trained on. An id is the path without the ending unless given.
#[derive(Debug)]
pub struct Manifest(Own);

impl Manifest {
    /// Opens a manifest, or the `manifest.csv` or `manifest.toml` of a folder.
    ///
    /// # Errors
    /// [`DataError::Missing`] for the manifest or a file it lists, [`DataError::Manifest`] with the line,
    /// [`DataError::UnknownLabel`], [`DataError::EmptyClass`], [`DataError::DuplicateId`], and the errors of reading the first
    /// image.
    pub fn open(path: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let path = locate(path)?;
        let bytes = read_file(&path, &limits)?;
        let base = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let is_toml = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
        let (description, listed) = if is_toml {
            parse_toml(&bytes, &path)?
        } else {
            let beside = base.join("dataset.toml");
            let description = match beside.is_file() {
                true => parse_description(&read_file(&beside, &limits)?, &beside)?,
                false => Description::default(),
            };
            (description, parse_rows(&bytes, &path)?)
        };
        if listed.is_empty() {
            return Err(bad(&path, "end of file", "no sample is listed".into()));
        }
        let classes = classes(&path, &description, &listed)?;
        let files = Files::Disk { base, limits };
        let mut rows = rows(&path, &description, &classes, listed, &files)?;
        rows.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Own::new(&path, &description, classes, rows, files).map(Self)
    }
}

fn locate(path: &Path) -> Result<PathBuf, DataError> {
    if !path.is_dir() {
        return Ok(path.into());
    }
    let found = ["manifest.csv", "manifest.toml"]
        .map(|name| path.join(name))
        .into_iter()
        .find(|file| file.is_file());
    found.ok_or_else(|| DataError::Missing {
        path: path.join("manifest.csv"),
        remedy: "give the path of the manifest, or name it manifest.csv or manifest.toml".into(),
    })
}

fn bad(path: &Path, place: &str, detail: String) -> DataError {
    DataError::Manifest {
        path: path.into(),
        place: place.into(),
        detail,
    }
}

fn no_boxes(path: &Path) -> DataError {
    bad(
        path,
        "[dataset]",
        "a manifest has no boxes; lay the files out as DOTA does (images/, labelTxt/) and open them as `dota`".into(),
    )
}

/// The labels of an image that has several, written `forest; water`.
fn several(label: &str) -> impl Iterator<Item = &str> {
    label.split(';').map(str::trim).filter(|l| !l.is_empty())
}

fn class_index(
    path: &Path,
    place: &str,
    classes: &[String],
    label: &str,
) -> Result<usize, DataError> {
    let found = classes.iter().position(|class| class == label);
    found.ok_or_else(|| DataError::UnknownLabel {
        path: path.into(),
        place: place.into(),
        label: label.into(),
        available: classes.join(", "),
    })
}

/// The described classes, or all labels that occur, sorted.
fn classes(
    path: &Path,
    description: &Description,
    listed: &[ManifestRow],
) -> Result<Vec<String>, DataError> {
    if description.task == Task::OrientedDetection {
        return Err(no_boxes(path));
    }
    let occurring: BTreeSet<&str> = listed
        .iter()
        .filter_map(|row| row.label.as_deref())
        .flat_map(|label| match description.task {
            Task::MultiLabel => several(label).collect(),
            _ => vec![label],
        })
        .collect();
    match (&description.classes, description.task) {
        (None, Task::Segmentation) => Err(bad(
            path,
            "[dataset]",
            "segmentation needs `classes`, the names of mask values 0, 1, ...".into(),
        )),
        (None, _) => Ok(occurring.into_iter().map(String::from).collect()),
        (Some(classes), task) => {
            if let Some(twice) = (1..classes.len()).find(|&at| classes[..at].contains(&classes[at]))
            {
                return Err(bad(
                    path,
                    "[dataset]",
                    format!("class `{}` is listed twice", classes[twice]),
                ));
            }
            // A set without any label has nothing that could be empty.
            let empty = classes
                .iter()
                .find(|class| !occurring.contains(class.as_str()));
            match empty {
                Some(class) if task == Task::Classification && !occurring.is_empty() => {
                    Err(DataError::EmptyClass {
                        root: path.into(),
                        class: class.clone(),
                    })
                }
                _ => Ok(classes.clone()),
            }
        }
    }
}

/// Resolves labels, checks that all files exist and that ids are unique.
fn rows(
    path: &Path,
    description: &Description,
    classes: &[String],
    listed: Vec<ManifestRow>,
    files: &Files,
) -> Result<Vec<Row>, DataError> {
    let mut rows = Vec::with_capacity(listed.len());
    let mut seen: HashMap<String, String> = HashMap::with_capacity(listed.len());
    for row in listed {
        let exists = |file: &str, what: &str| {
            if files.path_of(file).is_file() {
                return Ok(());
            }
            let remedy = format!(
                "{} of {} names it as {what}: correct the path",
                row.place,
                path.display()
            );
            Err(DataError::Missing {
                path: files.path_of(file),
                remedy,
            })
        };
        exists(&row.path, "image")?;
        let target = match (&row.label, description.task) {
            (None, _) => Target::None,
            (Some(label), _) if label.is_empty() => {
                return Err(bad(
                    path,
                    &row.place,
                    "the label is empty; fill it, or leave the column out".into(),
                ));
            }
            (Some(label), Task::Segmentation) => {
                exists(label, "mask")?;
                Target::Mask(label.clone())
            }
            (Some(_), Task::OrientedDetection) => return Err(no_boxes(path)),
            (Some(label), Task::Classification) => {
                Target::Class(class_index(path, &row.place, classes, label)?)
            }
            (Some(label), Task::MultiLabel) => {
                let mut found: Vec<usize> = several(label)
                    .map(|label| class_index(path, &row.place, classes, label))
                    .collect::<Result<_, _>>()?;
                found.sort_unstable();
                found.dedup();
                Target::Classes(found)
            }
        };
        let id = row.id.unwrap_or_else(|| stem(&row.path).to_owned());
        if let Some(first) = seen.insert(id.clone(), row.place.clone()) {
            return Err(DataError::DuplicateId {
                root: path.into(),
                id,
                first,
                second: row.place,
            });
        }
        rows.push(Row {
            id,
            file: row.path,
            target,
            split: row.split,
        });
    }
    Ok(rows)
}

own_images!(Manifest);
