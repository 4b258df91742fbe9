//! Files in one folder per class: `<Class>/<file>`, optionally below `train/`, `val/` or `test/` and any outer folder.

use std::collections::{HashMap, HashSet};

use crate::DataError;
use crate::io::Source;

/// Folder names that stand for a published split.
const SPLITS: [&str; 6] = ["train", "val", "valid", "validation", "test", "trainval"];

/// One file of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Name in the source.
    pub(super) name: String,
    /// File name without its ending.
    pub(super) id: String,
    /// Index into the class list.
    pub(super) class: usize,
    /// Published split, where the folders say one.
    pub(super) split: Option<String>,
}

/// A file name taken apart: `[outer/][split/]class/file`.
pub(super) struct Place<'a> {
    pub(super) outer: &'a str,
    pub(super) split: Option<&'a str>,
    pub(super) class: &'a str,
    pub(super) file: &'a str,
}

/// Takes a name apart; `None` for a file outside any folder.
pub(super) fn place(name: &str) -> Option<Place<'_>> {
    let (folders, file) = name.rsplit_once('/')?;
    let (above, class) = folders.rsplit_once('/').unwrap_or(("", folders));
    let (outer, last) = above.rsplit_once('/').unwrap_or(("", above));
    if SPLITS.contains(&last) {
        Some(Place {
            outer,
            split: Some(last),
            class,
            file,
        })
    } else {
        Some(Place {
            outer: above,
            split: None,
            class,
            file,
        })
    }
}

/// File name without its ending.
pub(super) fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// All files of a published set whose class folders are known, sorted by id.
///
/// A file with one of `endings` lies in a folder named after one of `classes`; everything else is ignored, except a file of
/// that kind beside the class folders, which is a label outside the list.
pub(super) fn known_classes(
    source: &Source,
    dataset: &str,
    classes: &[&str],
    endings: &[&str],
) -> Result<Vec<Entry>, DataError> {
    let names = source.list()?;
    let fits = |file: &str| {
        file.rsplit_once('.')
            .is_some_and(|(_, ending)| endings.iter().any(|e| ending.eq_ignore_ascii_case(e)))
    };
    let places: Vec<(&String, Place<'_>)> = names
        .iter()
        .filter(|name| fits(name))
        .filter_map(|name| Some((name, place(name)?)))
        .collect();
    // The folder in which the class folders are: images elsewhere in an archive are none of this set's.
    let outer: HashSet<&str> = places
        .iter()
        .filter(|(_, p)| classes.contains(&p.class))
        .map(|(_, p)| p.outer)
        .collect();
    if outer.is_empty() {
        return Err(DataError::Layout {
            root: source.root().into(),
            dataset: dataset.into(),
            expected: format!(
                "files <Class>/<Class>_<n>.{} with classes {}",
                endings[0],
                classes.join(", ")
            ),
            found: match names.first() {
                Some(first) => format!("{} files, the first of them {first}", names.len()),
                None => "no file at all".into(),
            },
        });
    }
    let mut entries = Vec::with_capacity(places.len());
    for (name, place) in places
        .iter()
        .filter(|(_, place)| outer.contains(place.outer))
    {
        let class = classes
            .iter()
            .position(|class| *class == place.class)
            .ok_or_else(|| DataError::UnknownLabel {
                path: source.path_of(name),
                place: "its folder".into(),
                label: place.class.into(),
                available: classes.join(", "),
            })?;
        let (id, split) = (stem(place.file).to_owned(), place.split.map(str::to_owned));
        entries.push(Entry {
            name: (*name).clone(),
            id,
            class,
            split,
        });
    }
    check(source, entries, classes)
}

/// Sorts by id and refuses ids that occur twice and classes without a file.
pub(super) fn check<C: AsRef<str>>(
    source: &Source,
    mut entries: Vec<Entry>,
    classes: &[C],
) -> Result<Vec<Entry>, DataError> {
    let mut counts = vec![0usize; classes.len()];
    let mut seen: HashMap<&str, &str> = HashMap::with_capacity(entries.len());
    for entry in &entries {
        counts[entry.class] += 1;
        if let Some(first) = seen.insert(&entry.id, &entry.name) {
            return Err(DataError::DuplicateId {
                root: source.root().into(),
                id: entry.id.clone(),
                first: first.into(),
                second: entry.name.clone(),
            });
        }
    }
    if let Some(empty) = counts.iter().position(|&count| count == 0) {
        return Err(DataError::EmptyClass {
            root: source.root().into(),
            class: classes[empty].as_ref().into(),
        });
    }
    entries.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let parts = |name| {
            place(name).map(|p| {
                (
                    p.outer.to_owned(),
                    p.split.map(str::to_owned),
                    p.class.to_owned(),
                )
            })
        };
        assert_eq!(parts("a.jpg"), None);
        assert_eq!(
            parts("Forest/a.jpg"),
            Some(("".into(), None, "Forest".into()))
        );
        assert_eq!(
            parts("train/Forest/a.jpg"),
            Some(("".into(), Some("train".into()), "Forest".into()))
        );
        assert_eq!(
            parts("x/y/test/Forest/a.jpg"),
            Some(("x/y".into(), Some("test".into()), "Forest".into()))
        );
        assert_eq!(
            parts("x/Forest/a.jpg"),
            Some(("x".into(), None, "Forest".into()))
        );
        assert_eq!(stem("Forest_1.2.jpg"), "Forest_1.2");
    }
}
