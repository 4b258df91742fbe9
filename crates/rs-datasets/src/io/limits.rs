//! How large a file and what it decodes to may be.

use std::path::Path;

use crate::DataError;

/// Limits that keep a damaged or hostile file from exhausting memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Most bytes one file, or one unpacked member of an archive, may have.
    pub max_file_bytes: u64,
    /// Most bytes the samples of one file may take in memory.
    pub max_decoded_bytes: u64,
}

impl Default for ReadLimits {
    /// 1 GiB each: a whole Sentinel-2 tile of one band passes, a header gone wrong does not.
    fn default() -> Self {
        Self {
            max_file_bytes: 1 << 30,
            max_decoded_bytes: 1 << 30,
        }
    }
}

impl ReadLimits {
    /// Refuses a file of more than [`ReadLimits::max_file_bytes`] bytes.
    pub(crate) fn check_file(&self, path: &Path, bytes: u64) -> Result<(), DataError> {
        if bytes <= self.max_file_bytes {
            return Ok(());
        }
        Err(DataError::TooLarge {
            path: path.into(),
            what: "has",
            claimed: bytes,
            limit: self.max_file_bytes,
            field: "max_file_bytes",
        })
    }

    /// Multiplies the extents a header claims and refuses a product beyond [`ReadLimits::max_decoded_bytes`].
    pub(crate) fn check_decoded(&self, path: &Path, extents: &[u64]) -> Result<u64, DataError> {
        let claimed = extents
            .iter()
            .try_fold(1u64, |product, &extent| product.checked_mul(extent));
        match claimed {
            Some(bytes) if bytes <= self.max_decoded_bytes => Ok(bytes),
            _ => Err(DataError::TooLarge {
                path: path.into(),
                what: "decodes to",
                claimed: claimed.unwrap_or(u64::MAX),
                limit: self.max_decoded_bytes,
                field: "max_decoded_bytes",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflowing_claim_is_refused() {
        let error = ReadLimits::default()
            .check_decoded(Path::new("x.tif"), &[u64::MAX, 2])
            .unwrap_err();
        assert!(error.to_string().contains("x.tif"), "{error}");
        assert!(error.to_string().contains("max_decoded_bytes"), "{error}");
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let limits = ReadLimits {
            max_file_bytes: 10,
            max_decoded_bytes: 12,
        };
        assert_eq!(limits.check_decoded(Path::new("x"), &[3, 4]).unwrap(), 12);
        assert!(limits.check_decoded(Path::new("x"), &[13]).is_err());
        assert!(limits.check_file(Path::new("x"), 10).is_ok());
        assert!(limits.check_file(Path::new("x"), 11).is_err());
    }
}
