//! What a seed leaves beside its result, as JSON files: written whole or not at all.

use std::path::Path;

use eval::record::write_atomically;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RunError;

/// Writes a file.
///
/// # Errors
/// [`RunError::Json`], or when it cannot be written.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), RunError> {
    let bytes = serde_json::to_vec(value).map_err(|source| RunError::Json {
        path: path.into(),
        source,
    })?;
    Ok(write_atomically(path, &bytes)?)
}

/// Reads a file.
///
/// # Errors
/// [`RunError::Io`] or [`RunError::Json`].
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let bytes = std::fs::read(path).map_err(|source| RunError::Io {
        action: "read",
        path: path.into(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| RunError::Json {
        path: path.into(),
        source,
    })
}
