//! `rs_peft.json`: what a PEFT directory does not say. Python peft ignores the file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vit_backbone::sha256_bytes;

use super::adapter_config::unsupported;
use super::base::check_hash;
use super::directory::read_capped;
use crate::config::MethodConfig;
use crate::error::PeftError;
use crate::seal::{self, Seal};

/// The version written, and the newest one read.
const VERSION: u32 = 1;

/// JSON files of an adapter are below a megabyte; nothing larger is read.
pub(crate) const JSON_LIMIT: u64 = 16 << 20;

/// The record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Version of this file's layout.
    pub(crate) format_version: u32,
    /// The method as it was configured: for a LoRA, whether parts of the fused map were adapted.
    pub(crate) method: MethodConfig,
    /// SHA-256 of the base's checkpoint file, if it was given.
    pub(crate) base_sha256: Option<String>,
    /// SHA-256 of every other file of the directory, by name; directories of earlier versions have none.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
}

impl Record {
    /// The record of a directory that holds `files` beside it.
    pub(crate) fn new(
        method: MethodConfig,
        base_sha256: Option<String>,
        files: &[(&str, Vec<u8>)],
    ) -> Self {
        let hashes = files.iter();
        Self {
            format_version: VERSION,
            method,
            base_sha256,
            files: hashes
                .map(|(name, bytes)| ((*name).to_owned(), sha256_bytes(bytes)))
                .collect(),
        }
    }

    /// Refuses a file that is not the one that was written with this record.
    ///
    /// # Errors
    /// [`PeftError::Damaged`].
    pub(crate) fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), PeftError> {
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(|name| self.files.get(name)) {
            Some(expected) if *expected != sha256_bytes(bytes) => {
                Err(PeftError::Damaged { path: path.into() })
            }
            _ => Ok(()),
        }
    }

    /// Reads the record, `None` if there is none, as in a directory written by Python peft.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, PeftError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let bytes = match read_capped(path, JSON_LIMIT) {
            Ok(bytes) => bytes,
            Err(PeftError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let json = |source| PeftError::Json {
            path: path.to_owned(),
            source,
        };
        let (bytes, seal) = seal::open_json(bytes);
        if seal == Seal::Broken {
            return Err(PeftError::Damaged { path: path.into() });
        }
        // The version first: a newer layout may not parse as this one.
        let version: Version = serde_json::from_slice(&bytes).map_err(json)?;
        if version.format_version > VERSION {
            let what = format!(
                "layout version {}, newer than {VERSION}",
                version.format_version
            );
            return Err(PeftError::Unsupported {
                path: path.to_owned(),
                what,
                remedy: "read it with the version of this program that wrote it".into(),
            });
        }
        if version.format_version == 0 {
            return Err(unsupported(path, "layout version 0 does not exist".into()));
        }
        let record: Self = serde_json::from_slice(&bytes).map_err(json)?;
        if let Some(hash) = &record.base_sha256 {
            check_hash(hash)?;
        }
        Ok(Some(record))
    }
}
