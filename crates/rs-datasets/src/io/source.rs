//! Files of a folder or members of a zip archive, read through one interface.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::ReadLimits;
use super::archive::Archive;
use crate::DataError;

/// Folders deeper than this are not searched: no data set is, and a link that leads back to its parent would never end.
const MAX_DEPTH: usize = 12;

/// Where the files of a data set are: a folder, or a zip archive that is read without unpacking it.
///
/// Names are relative, with `/` between parts on every system. Reading takes `&self` and may be done from many threads.
#[derive(Debug)]
pub struct Source {
    root: PathBuf,
    limits: ReadLimits,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Folder,
    Zip(Archive),
}

impl Source {
    /// Opens a folder or a `.zip` file with the default limits.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`], or [`DataError::Corrupt`] when the file is no zip archive.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        Self::open_with(path, ReadLimits::default())
    }

    /// Opens a folder or a `.zip` file.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_with(path: &Path, limits: ReadLimits) -> Result<Self, DataError> {
        let meta = fs::metadata(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DataError::Missing {
                path: path.into(),
                remedy: "give the folder or .zip file that holds the data set".into(),
            },
            _ => DataError::Io {
                action: "open",
                path: path.into(),
                source,
            },
        })?;
        let kind = if meta.is_dir() {
            Kind::Folder
        } else {
            Kind::Zip(Archive::open(path)?)
        };
        Ok(Self {
            root: path.into(),
            limits,
            kind,
        })
    }

    /// The folder or archive.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The limits under which files are read.
    pub fn limits(&self) -> &ReadLimits {
        &self.limits
    }

    /// The path of a file for messages; for a member of an archive, the archive joined with its name.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Names of all files, sorted; hidden files and the `__MACOSX` folder are left out.
    ///
    /// # Errors
    /// [`DataError::Io`] when a folder cannot be read.
    pub fn list(&self) -> Result<Vec<String>, DataError> {
        match &self.kind {
            Kind::Zip(archive) => Ok(archive.members.keys().cloned().collect()),
            Kind::Folder => {
                let mut names = Vec::new();
                walk(&self.root, "", 0, &mut names)?;
                names.sort_unstable();
                Ok(names)
            }
        }
    }

    /// Names of the folders directly below `prefix` (empty for the root, else ending in `/`), sorted.
    ///
    /// # Errors
    /// [`DataError::Io`] when the folder cannot be read.
    pub fn folders(&self, prefix: &str) -> Result<Vec<String>, DataError> {
        let mut names = match &self.kind {
            Kind::Folder => entries(&self.root.join(prefix))?
                .into_iter()
                .filter(|(_, is_folder)| *is_folder)
                .map(|(name, _)| name)
                .collect(),
            Kind::Zip(archive) => {
                let below = archive
                    .members
                    .keys()
                    .filter_map(|name| name.strip_prefix(prefix)?.split_once('/'));
                below
                    .map(|(folder, _)| folder.to_owned())
                    .collect::<Vec<_>>()
            }
        };
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Whether a file of this name exists.
    pub fn contains(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Folder => inside(&self.root, name).is_ok_and(|path| path.is_file()),
            Kind::Zip(archive) => archive.members.contains_key(name),
        }
    }

    /// All bytes of a file.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::OutsideRoot`], [`DataError::TooLarge`], [`DataError::Io`], or
    /// [`DataError::Corrupt`] for a damaged member.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, DataError> {
        match &self.kind {
            Kind::Folder => read_file(&inside(&self.root, name)?, &self.limits),
            Kind::Zip(archive) => {
                let path = self.path_of(name);
                match archive.members.get(name) {
                    Some(&index) => archive.read(index, &path, &self.limits),
                    None => Err(missing(path)),
                }
            }
        }
    }
}

/// All bytes of a file on disk, within the limits.
pub(crate) fn read_file(path: &Path, limits: &ReadLimits) -> Result<Vec<u8>, DataError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => missing(path.into()),
        _ => DataError::Io {
            action: "read",
            path: path.into(),
            source,
        },
    };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    limits.check_file(path, size)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // One byte more than allowed tells a file that grows (or a device without a size) from one that fits.
    file.take(limits.max_file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    limits.check_file(path, bytes.len() as u64)?;
    Ok(bytes)
}

fn missing(path: PathBuf) -> DataError {
    DataError::Missing {
        path,
        remedy: "check the name, or fetch the complete data set".into(),
    }
}

/// Joins a relative name to the root and refuses one that would leave it.
fn inside(root: &Path, name: &str) -> Result<PathBuf, DataError> {
    let relative = Path::new(name);
    if relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Ok(root.join(relative));
    }
    Err(DataError::OutsideRoot {
        root: root.into(),
        name: name.into(),
    })
}

/// The visible entries of a folder as (name, whether it is a folder); names that are no UTF-8 are left out.
fn entries(folder: &Path) -> Result<Vec<(String, bool)>, DataError> {
    let failed = |source| DataError::Io {
        action: "list",
        path: folder.into(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if hidden(&name) {
            continue;
        }
        // A link counts as what it leads to; one that leads nowhere is no file.
        if let Ok(meta) = fs::metadata(entry.path()) {
            found.push((name, meta.is_dir()));
        }
    }
    Ok(found)
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    names: &mut Vec<String>,
) -> Result<(), DataError> {
    for (name, is_folder) in entries(folder)? {
        let full = format!("{prefix}{name}");
        if !is_folder {
            names.push(full);
        } else if depth < MAX_DEPTH {
            walk(&folder.join(&name), &format!("{full}/"), depth + 1, names)?;
        }
    }
    Ok(())
}

pub(super) fn hidden(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}
