//! Reading and writing one record; a file is either the old one or the new one, never half of either.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;

use super::json::pretty;
use super::{RunRecord, SCHEMA_VERSION};
use crate::EvalError;

/// The largest file read as a run record.
pub const MAX_RECORD_BYTES: u64 = 64 << 20;

impl RunRecord {
    /// Reads and validates a record.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than [`MAX_RECORD_BYTES`], is not a record of this schema version (unknown
    /// keys are errors), contradicts itself, or its id is not the hash of its content.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let io = |action| {
            move |source| EvalError::Io {
                action,
                path: path.into(),
                source,
            }
        };
        let file = File::open(path).map_err(io("open"))?;
        let mut text = String::new();
        // The length is checked on what is read, not on what the system claims: pipes and growing files have none.
        let bytes = file
            .take(MAX_RECORD_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(io("read"))? as u64;
        if bytes > MAX_RECORD_BYTES {
            return Err(EvalError::TooLarge {
                path: path.into(),
                bytes,
                limit: MAX_RECORD_BYTES,
            });
        }
        let json = |source| EvalError::Json {
            path: path.into(),
            source,
        };
        let version: Version = serde_json::from_str(&text).map_err(json)?;
        if version.schema_version != u64::from(SCHEMA_VERSION) {
            return Err(EvalError::Schema {
                path: path.into(),
                found: version.schema_version,
                supported: SCHEMA_VERSION,
            });
        }
        let record: Self = serde_json::from_str(&text).map_err(json)?;
        record.validate(&path.display().to_string())?;
        Ok(record)
    }

    /// Validates the record and writes it to `path`, through a temporary file beside it.
    ///
    /// # Errors
    /// When the record contradicts itself or the file cannot be written; an existing file is then left as it was.
    pub fn write(&self, path: &Path) -> Result<(), EvalError> {
        self.validate(&self.label())?;
        let value = serde_json::to_value(self).map_err(|source| EvalError::Json {
            path: path.into(),
            source,
        })?;
        write_atomically(path, pretty(&value).as_bytes())
    }
}

/// Only the version, whatever else is there.
#[derive(Deserialize)]
struct Version {
    schema_version: u64,
}

/// Writes `bytes` to a temporary file in the folder of `path`, flushes it to the disk and renames it to `path`. Missing folders
/// are made. On an error nothing is left behind and an existing `path` is unchanged.
///
/// # Errors
/// When the folder cannot be made or the file not written, e.g. on a full disk or a read-only folder.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    write_through(path, bytes, |temporary| {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(temporary)
    })
}

/// As [`write_atomically`], with the opening of the temporary file left to the caller, so that a test can fill the disk.
fn write_through(
    path: &Path,
    bytes: &[u8],
    open: impl FnOnce(&Path) -> std::io::Result<File>,
) -> Result<(), EvalError> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let io = |action| {
        move |source| EvalError::Io {
            action,
            path: path.into(),
            source,
        }
    };
    let name = path.file_name().ok_or_else(|| EvalError::Io {
        action: "write",
        path: path.into(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path names no file"),
    })?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io("make the folder of"))?;
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(
        ".{}.{}.{unique}.tmp",
        name.to_string_lossy(),
        std::process::id()
    ));
    let guard = RemoveOnDrop(Some(temporary.clone()));
    let mut file = open(&temporary).map_err(io("write"))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(io("write"))?;
    drop(file);
    fs::rename(&temporary, path).map_err(io("write"))?;
    guard.keep();
    Ok(())
}

/// Removes the temporary file unless it was renamed away.
struct RemoveOnDrop(Option<PathBuf>);

impl RemoveOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // The error that led here is the one to report; a leftover temporary file is harmless.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// `/dev/full` accepts to be opened and refuses every byte, like a full disk.
    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        fs::write(&path, "old").unwrap();
        let error = write_through(&path, b"new", |temporary| {
            File::create(temporary)?;
            OpenOptions::new().write(true).open("/dev/full")
        })
        .unwrap_err();
        assert!(
            error.to_string().contains("run.json") && error.to_string().contains("space"),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
