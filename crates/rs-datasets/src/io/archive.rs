//! A zip archive that many threads read at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::ReadLimits;
use super::shared_file::SharedFile;
use super::source::hidden;
use crate::DataError;

/// Bytes reserved before a member is unpacked; a larger one grows while it turns out to be as large as it claims.
const FIRST_RESERVE: u64 = 1 << 20;

/// An open archive and its visible members by name.
#[derive(Debug)]
pub(super) struct Archive {
    archive: ZipArchive<SharedFile>,
    pub(super) members: BTreeMap<String, usize>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| DataError::Io {
            action: "open",
            path: path.into(),
            source,
        })?;
        let archive =
            ZipArchive::new(SharedFile::new(file)).map_err(|error| failed(path, error))?;
        let mut members = BTreeMap::new();
        for index in 0..archive.len() {
            let Some(name) = archive.name_for_index(index) else {
                continue;
            };
            if !name.ends_with('/') && !name.split('/').any(hidden) {
                members.insert(name.to_owned(), index);
            }
        }
        Ok(Self { archive, members })
    }

    /// Unpacks a member and checks its size and checksum; `path` names it in errors.
    pub(super) fn read(
        &self,
        index: usize,
        path: &Path,
        limits: &ReadLimits,
    ) -> Result<Vec<u8>, DataError> {
        // The directory is shared by the clones, only the position in the file is not.
        let mut archive = self.archive.clone();
        let member = archive
            .by_index(index)
            .map_err(|error| failed(path, error))?;
        let size = member.size();
        limits.check_file(path, size)?;
        let mut bytes = Vec::with_capacity(size.min(FIRST_RESERVE) as usize);
        let mut reader = member.take(limits.max_file_bytes.saturating_add(1));
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| corrupt(path, error.to_string()))?;
        limits.check_file(path, bytes.len() as u64)?;
        if bytes.len() as u64 != size {
            return Err(corrupt(
                path,
                format!(
                    "{} bytes unpacked, the directory claims {size}",
                    bytes.len()
                ),
            ));
        }
        Ok(bytes)
    }
}

fn failed(path: &Path, error: ZipError) -> DataError {
    match error {
        ZipError::UnsupportedArchive(detail) => DataError::Unsupported {
            path: path.into(),
            detail: detail.into(),
            remedy: "pack the archive again with deflate and without a password",
        },
        other => corrupt(path, other.to_string()),
    }
}

fn corrupt(path: &Path, detail: String) -> DataError {
    DataError::Corrupt {
        path: path.into(),
        format: "zip",
        detail,
    }
}
