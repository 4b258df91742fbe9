//! Bounds-checked little-endian numbers at addresses of a file.

use std::path::{Path, PathBuf};

use crate::DataError;

/// The address that stands for "nowhere".
pub(super) const NOWHERE: u64 = u64::MAX;

/// The bytes of a file; addresses count from `base`.
#[derive(Debug)]
pub(super) struct Bytes {
    data: Vec<u8>,
    pub(super) path: PathBuf,
    pub(super) base: u64,
}

impl Bytes {
    pub(super) fn new(data: Vec<u8>, path: &Path) -> Self {
        Self {
            data,
            path: path.into(),
            base: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// `count` bytes at an address.
    pub(super) fn at(&self, address: u64, count: usize) -> Result<&[u8], DataError> {
        let start = self.base.checked_add(address);
        let start = start.and_then(|start| usize::try_from(start).ok());
        let found = start.and_then(|start| self.data.get(start..start.checked_add(count)?));
        found.ok_or_else(|| {
            self.corrupt(format!(
                "{count} bytes at {address} are beyond the end of {} bytes",
                self.data.len()
            ))
        })
    }

    pub(super) fn u16(&self, address: u64) -> Result<u16, DataError> {
        let bytes = self.at(address, 2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&self, address: u64) -> Result<u32, DataError> {
        let bytes = self.at(address, 4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn u64(&self, address: u64) -> Result<u64, DataError> {
        let low = u64::from(self.u32(address)?);
        let high = u64::from(self.u32(address.saturating_add(4))?);
        Ok(low | high << 32)
    }

    /// The text at an address up to its first zero byte.
    pub(super) fn text(&self, address: u64) -> Result<String, DataError> {
        let start = self.base.checked_add(address);
        let start = start.and_then(|start| usize::try_from(start).ok());
        let rest = start
            .and_then(|start| self.data.get(start..))
            .unwrap_or(&[]);
        match rest.iter().position(|&byte| byte == 0) {
            Some(end) => self.utf8(&rest[..end]),
            None => Err(self.corrupt(format!("a name at {address} has no end"))),
        }
    }

    pub(super) fn utf8(&self, bytes: &[u8]) -> Result<String, DataError> {
        let text = String::from_utf8(bytes.to_vec());
        text.map_err(|_| self.corrupt("a text is not UTF-8".into()))
    }

    pub(super) fn corrupt(&self, detail: String) -> DataError {
        DataError::Corrupt {
            path: self.path.clone(),
            format: "HDF5",
            detail,
        }
    }

    pub(super) fn unsupported(&self, detail: String) -> DataError {
        DataError::Unsupported {
            path: self.path.clone(),
            detail,
            remedy: "write the file with h5py's defaults, without chunks or filters",
        }
    }
}
