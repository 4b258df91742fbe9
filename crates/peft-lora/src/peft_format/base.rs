//! Which base an adapter belongs to, and whether the base at hand is that one.

use std::path::Path;

use crate::config::invalid;
use crate::error::PeftError;

/// Which base an adapter belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseIdentity {
    /// SHA-256 of the base's checkpoint file, 64 lowercase hexadecimal digits, as the backbone's load report gives it. Without it
    /// nobody can tell later whether the adapter is used on the right weights.
    pub sha256: Option<String>,
    /// A name or path for people, stored as PEFT's `base_model_name_or_path`.
    pub name: Option<String>,
}

impl BaseIdentity {
    /// Refuses a malformed hash.
    ///
    /// # Errors
    /// [`PeftError::InvalidConfig`].
    pub fn check(&self) -> Result<(), PeftError> {
        self.sha256.as_deref().map_or(Ok(()), check_hash)
    }
}

/// What a load may accept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// SHA-256 of the checkpoint file of the base at hand. If given, an adapter of another base is an error.
    pub base_sha256: Option<String>,
    /// Accept an adapter of another base; its outputs are then not those it was trained for.
    pub allow_other_base: bool,
}

/// Whether the base is the one that the adapter was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseCheck {
    /// It is: the hashes are equal.
    Same,
    /// It is not, and `allow_other_base` was set.
    Other,
    /// Nobody can tell: the file records no hash (Python peft writes none), or none was given.
    Unknown,
}

impl BaseCheck {
    /// Compares the hash `recorded` in the file at `path` with the one at hand.
    ///
    /// # Errors
    /// [`PeftError::OtherBase`] unless another base is allowed, [`PeftError::InvalidConfig`] for a malformed hash at hand.
    pub fn of(
        path: &Path,
        recorded: Option<&str>,
        options: &LoadOptions,
    ) -> Result<Self, PeftError> {
        if let Some(hash) = &options.base_sha256 {
            check_hash(hash)?;
        }
        match (recorded, options.base_sha256.as_deref()) {
            (Some(expected), Some(found)) if expected == found => Ok(Self::Same),
            (Some(_), Some(_)) if options.allow_other_base => Ok(Self::Other),
            (Some(expected), Some(found)) => Err(PeftError::OtherBase {
                path: path.to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            }),
            _ => Ok(Self::Unknown),
        }
    }
}

/// Refuses what is not a SHA-256 in lowercase hexadecimal digits.
pub(crate) fn check_hash(hash: &str) -> Result<(), PeftError> {
    if hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(())
    } else {
        Err(invalid(
            "base_sha256",
            hash,
            "64 lowercase hexadecimal digits",
        ))
    }
}
