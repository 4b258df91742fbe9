//! A file of named tensors for models other than vision transformers: described first, read one tensor at a time.

use std::collections::BTreeMap;
use std::path::Path;

use super::container::{Container, Entry};
use super::report::{Format, Found};
use super::suggest::nearest;
use crate::BackboneError;

/// A safetensors or PyTorch file (zip or legacy), of which only names, shapes, types and metadata have been read. Pickles
/// are read as data and never executed.
#[derive(Debug)]
pub struct TensorFile(Container);

impl TensorFile {
    /// Opens a file and finds out its format from its first bytes.
    ///
    /// # Errors
    /// [`BackboneError::Io`] and [`BackboneError::Checkpoint`] for files that cannot be read, are damaged, or hold no tensors.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackboneError> {
        Container::open(path.as_ref(), None).map(Self)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Its container.
    pub fn format(&self) -> Format {
        self.0.format
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.len
    }

    /// The text metadata of a safetensors file; empty for others.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// Every tensor, in the order of the keys.
    pub fn tensors(&self) -> impl Iterator<Item = Found> {
        self.0.entries.iter().map(|(key, entry)| found(key, entry))
    }

    /// The tensor under a key.
    pub fn find(&self, key: &str) -> Option<Found> {
        self.0.entries.get(key).map(|entry| found(key, entry))
    }

    /// The values of a tensor in row-major order, converted to single precision. Only this tensor is held in memory, and the
    /// file has been checked to be long enough for it.
    ///
    /// # Errors
    /// [`BackboneError::Checkpoint`] when there is no such key, its numbers are no floats, or one of them is not finite;
    /// [`BackboneError::Io`].
    pub fn read(&self, key: &str) -> Result<Vec<f32>, BackboneError> {
        let Some(entry) = self.0.entries.get(key) else {
            let near = nearest_name(key, self.0.entries.keys().map(String::as_str));
            return Err(BackboneError::Checkpoint {
                path: self.0.path.clone(),
                problem: format!("it has no `{key}`"),
                remedy: near.map_or_else(
                    || "use the file of another model".to_owned(),
                    |near| format!("`{near}` is the nearest"),
                ),
            });
        };
        self.0.read(key, entry)
    }
}

/// The candidate most like a name, if at most a third of the characters differ.
pub fn nearest_name<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest(name, candidates)
}

fn found(key: &str, entry: &Entry) -> Found {
    Found {
        key: key.to_owned(),
        shape: entry.shape.clone(),
        dtype: entry.dtype,
    }
}
