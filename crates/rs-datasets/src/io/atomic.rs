//! Writing a file whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::DataError;

/// Distinguishes the temporary files of one process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to a temporary file in the same folder, flushes it to disk and renames it to `path`.
///
/// # Errors
/// [`DataError::Io`]; the temporary file is removed and an older file at `path` is left as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let failed = |source| DataError::Io {
        action: "write",
        path: path.into(),
        source,
    };
    let temporary = temporary_beside(path)?;
    let written = (|| {
        let mut file = File::create_new(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    written.map_err(|error| {
        // Nothing more can be done when even this fails; the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        failed(error)
    })
}

/// A name in the folder of `path` that no file of this process has.
pub(super) fn temporary_beside(path: &Path) -> Result<PathBuf, DataError> {
    let name = path.file_name().ok_or_else(|| DataError::Io {
        action: "write",
        path: path.into(),
        source: std::io::ErrorKind::InvalidInput.into(),
    })?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Ok(path.with_file_name(format!(
        ".{}.{}.{number}.tmp",
        name.to_string_lossy(),
        std::process::id()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        // The target is a folder, so that the rename fails after the write.
        let target = folder.path().join("taken");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("inside"), b"x").unwrap();
        let error = write_atomically(&target, b"new").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_atomically(&folder.path().join("no/such/folder"), b"x").is_err());
    }

    #[test]
    fn an_older_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.bin");
        write_atomically(&target, b"old").unwrap();
        write_atomically(&target, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
