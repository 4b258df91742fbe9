//! Images of one's own, one folder per class.

use std::collections::BTreeSet;
use std::path::Path;

use super::description::Description;
use super::manifest_rows::parse_description;
use super::own::{Files, Own, Row, Target, own_images};
use super::tree::{Entry, Place, check, place, stem};
use crate::io::{FileKind, Source};
use crate::{DataError, ReadLimits, Task};

/// A folder or zip archive with `<class>/<file>` or `<split>/<class>/<file>`; TIFF, JPEG, PNG or npy.
///
/// The folders name the classes, `train`, `val` and `test` above them the split. An id is the path without the ending. A file
/// `dataset.toml` beside the class folders may describe the images ([`Description`]).
#[derive(Debug)]
pub struct Folder(Own);

impl Folder {
    /// Opens a folder or archive.
    ///
    /// # Errors
    /// [`DataError::Layout`] when there is no image in a class folder or class folders lie at different depths,
    /// [`DataError::EmptyClass`] for a folder without an image, [`DataError::UnknownLabel`] for a folder that is not among the
    /// described classes, [`DataError::DuplicateId`], and the errors of reading the first image.
    pub fn open(root: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let source = Source::open_with(root, limits)?;
        let names = source.list()?;
        let images: Vec<&String> = names
            .iter()
            .filter(|name| FileKind::of_name(name).is_some())
            .collect();
        let layout = |found: String| DataError::Layout {
            root: root.into(),
            dataset: "a folder of images".into(),
            expected: "<class>/<file> or <split>/<class>/<file> with TIFF, JPEG, PNG or npy files"
                .into(),
            found,
        };
        let mut places: Vec<(&str, Place<'_>)> = Vec::with_capacity(images.len());
        for name in &images {
            places.push((
                name,
                place(name).ok_or_else(|| layout(format!("{name} outside any class folder")))?,
            ));
        }
        let outer = match places.first() {
            Some((_, first)) => first.outer,
            None => {
                return Err(layout(format!(
                    "{} files, none of them an image",
                    names.len()
                )));
            }
        };
        if let Some((name, _)) = places.iter().find(|(_, place)| place.outer != outer) {
            return Err(layout(format!(
                "class folders at different depths: {} and {name}",
                places[0].0
            )));
        }
        let prefix = if outer.is_empty() {
            String::new()
        } else {
            format!("{outer}/")
        };

        let described = format!("{prefix}dataset.toml");
        let description = match source.contains(&described) {
            true => parse_description(&source.read(&described)?, &source.path_of(&described))?,
            false => Description::default(),
        };
        if description.task != Task::Classification {
            return Err(DataError::Manifest {
                path: source.path_of(&described),
                place: "task".into(),
                detail: "class folders hold classified images; list images and masks in a manifest"
                    .into(),
            });
        }
        let classes = classes(&source, &prefix, &places, &description)?;
        let mut entries = Vec::with_capacity(places.len());
        for (name, place) in &places {
            let class = classes
                .iter()
                .position(|class| class == place.class)
                .ok_or_else(|| DataError::UnknownLabel {
                    path: source.path_of(name),
                    place: "its folder".into(),
                    label: place.class.into(),
                    available: classes.join(", "),
                })?;
            let id = stem(name.strip_prefix(&prefix).unwrap_or(name)).to_owned();
            entries.push(Entry {
                name: (*name).into(),
                id,
                class,
                split: place.split.map(str::to_owned),
            });
        }
        let rows = check(&source, entries, &classes)?
            .into_iter()
            .map(|entry| Row {
                id: entry.id,
                file: entry.name,
                target: Target::Class(entry.class),
                split: entry.split,
            });
        let rows = rows.collect();
        Own::new(root, &description, classes, rows, Files::Source(source)).map(Self)
    }
}

/// The described classes, or the names of all class folders, also of empty ones.
fn classes(
    source: &Source,
    prefix: &str,
    places: &[(&str, Place<'_>)],
    description: &Description,
) -> Result<Vec<String>, DataError> {
    if let Some(classes) = &description.classes {
        return Ok(classes.clone());
    }
    let splits: BTreeSet<Option<&str>> = places.iter().map(|(_, place)| place.split).collect();
    let mut classes = BTreeSet::new();
    for split in &splits {
        let within = split.map_or_else(|| prefix.to_owned(), |split| format!("{prefix}{split}/"));
        let folders = source.folders(&within)?;
        classes.extend(
            folders
                .into_iter()
                .filter(|name| !splits.contains(&Some(name.as_str()))),
        );
    }
    Ok(classes.into_iter().collect())
}

own_images!(Folder);
