//! The folder of finished rows beside a map, from which a program that was stopped goes on.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rs_datasets::io::write_atomically;

use super::SceneError;
use super::band_file::TileRow;

/// An open folder; no other process has it open.
#[derive(Debug)]
pub(super) struct Work {
    folder: PathBuf,
    /// Held until the folder is closed.
    _lock: File,
}

/// `.<name>.work` beside a map.
pub(super) fn folder_of(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.work"))
}

/// Deletes what writers of a file that were killed left beside it. The caller holds the lock of the map.
pub(super) fn sweep(output: &Path) -> Result<(), SceneError> {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let (start, end) = (format!(".{name}."), ".tmp");
    let folder = match output.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    for entry in fs::read_dir(folder).map_err(SceneError::io("list", folder))? {
        let path = entry.map_err(SceneError::io("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&start) && name.ends_with(end) && path.is_file() {
            fs::remove_file(&path).map_err(SceneError::io("delete", &path))?;
        }
    }
    Ok(())
}

impl Work {
    /// Opens the folder of a map; rows of another identity are thrown away.
    pub(super) fn open(output: &Path, identity: &str) -> Result<Self, SceneError> {
        let folder = folder_of(output);
        fs::create_dir_all(&folder).map_err(SceneError::io("create", &folder))?;
        let lock = File::create(folder.join("lock")).map_err(SceneError::io("create", &folder))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SceneError::InUse { path: folder }),
            Err(TryLockError::Error(source)) => {
                return Err(SceneError::io("lock", &folder)(source));
            }
        }
        let file = folder.join("identity");
        let same = fs::read(&file).is_ok_and(|found| found == identity.as_bytes());
        if !same {
            let entries = fs::read_dir(&folder).map_err(SceneError::io("list", &folder))?;
            for entry in entries {
                let path = entry.map_err(SceneError::io("list", &folder))?.path();
                if path.file_name().is_some_and(|name| name != "lock") {
                    fs::remove_file(&path).map_err(SceneError::io("delete", &path))?;
                }
            }
            write_atomically(&file, identity.as_bytes())?;
        }
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// File of a row of tiles.
    pub(super) fn row(&self, index: usize) -> PathBuf {
        self.folder.join(format!("rows-{index:06}"))
    }

    /// How many of the first rows of tiles are there, whole.
    pub(super) fn finished(&self, rows: usize, counts: usize, tiles: usize) -> usize {
        (0..rows)
            .take_while(|&row| TileRow::read(&self.row(row), counts, tiles).is_some())
            .count()
    }

    /// Removes the folder, once the map is there.
    pub(super) fn remove(self) -> Result<(), SceneError> {
        fs::remove_dir_all(&self.folder).map_err(SceneError::io("delete", &self.folder))
    }
}
