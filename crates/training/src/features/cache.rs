//! Features on disk, found by what they were made from.

use std::collections::HashMap;
use std::path::PathBuf;

use burn::tensor::TensorData;
use sha2::{Digest, Sha256};

use super::{FeatureMatrix, Precision, RowFile, RowWriter};
use crate::TrainError;
use crate::hash::{hex, sha256_hex};
use crate::tensor_file;

const FORMAT: &str = "features-1";

/// Identity of a feature matrix: a hash over named parts (weights, data, split, block, pooling, image size ...).
///
/// Leave nothing out that changes the values; a part that is missing from the key gives stale features.
#[derive(Debug, Clone)]
pub struct CacheKey(Sha256);

impl CacheKey {
    /// A key without parts.
    pub fn new() -> Self {
        Self(Sha256::new_with_prefix(FORMAT))
    }

    /// Adds a named part. Order matters.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        for text in [name, value] {
            self.0.update((text.len() as u64).to_le_bytes());
            self.0.update(text.as_bytes());
        }
        self
    }

    fn finish(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

impl Default for CacheKey {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a matrix came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheOutcome {
    /// Read from the cache.
    Hit,
    /// Computed and stored.
    Computed,
    /// The stored file was damaged; computed and stored again. Holds what was wrong.
    Replaced(String),
}

/// A directory of feature matrices, one safetensors file per key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureCache {
    directory: PathBuf,
}

impl FeatureCache {
    /// A cache in `directory`, which is made when first written.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The file of a key.
    pub fn path(&self, key: &CacheKey) -> PathBuf {
        self.directory.join(format!("{}.safetensors", key.finish()))
    }

    /// The stored matrix, or `None` if there is none.
    ///
    /// # Errors
    /// [`TrainError::Corrupt`] if the file does not verify, [`TrainError::Io`] if it cannot be read.
    pub fn get(&self, key: &CacheKey) -> Result<Option<FeatureMatrix>, TrainError> {
        let path = self.path(key);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = tensor_file::read(&path)?;
        decode(&bytes, &key.finish())
            .map(Some)
            .map_err(|what| TrainError::Corrupt { path, what })
    }

    /// Stores a matrix; a reader sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// [`TrainError::Io`] if the file cannot be written, [`TrainError::FeatureShape`] if the values do not fill the shape.
    pub fn put(&self, key: &CacheKey, matrix: &FeatureMatrix) -> Result<(), TrainError> {
        let expected = matrix.rows.saturating_mul(matrix.dim);
        if matrix.values.len() != expected {
            return Err(TrainError::FeatureShape {
                what: "a number of values of",
                expected,
                found: matrix.values.len(),
            });
        }
        std::fs::create_dir_all(&self.directory)
            .map_err(TrainError::io("create", &self.directory))?;
        let data = TensorData::new(matrix.values.clone(), [matrix.rows, matrix.dim]);
        let metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("key".to_owned(), key.finish()),
            ("sha256".to_owned(), sha256_hex(data.as_bytes())),
        ]);
        let bytes = tensor_file::encode(&[("features".to_owned(), data)], Some(metadata))
            .map_err(|what| TrainError::setting("features", what, "storable"))?;
        tensor_file::write_atomically(&self.path(key), &bytes)
    }

    /// The stored matrix, or the result of `compute`, which is then stored. A damaged file is computed again.
    ///
    /// # Errors
    /// Errors of `compute`, and of reading or writing files.
    pub fn get_or_compute(
        &self,
        key: &CacheKey,
        compute: impl FnOnce() -> Result<FeatureMatrix, TrainError>,
    ) -> Result<(FeatureMatrix, CacheOutcome), TrainError> {
        let outcome = match self.get(key) {
            Ok(Some(matrix)) => return Ok((matrix, CacheOutcome::Hit)),
            Ok(None) => CacheOutcome::Computed,
            Err(TrainError::Corrupt { what, .. }) => CacheOutcome::Replaced(what),
            Err(other) => return Err(other),
        };
        let matrix = compute()?;
        self.put(key, &matrix)?;
        Ok((matrix, outcome))
    }

    /// Rows that stay on disk, `shape` being `[rows, dim]`: the stored ones, or those that `compute` writes. A damaged file is computed
    /// again, and a precision is part of the key.
    ///
    /// # Errors
    /// Errors of `compute`, which must write exactly the rows of the shape, and of reading or writing files.
    pub fn rows_or_compute<E: From<TrainError>>(
        &self,
        key: &CacheKey,
        shape: [usize; 2],
        precision: Precision,
        compute: impl FnOnce(&mut RowWriter) -> Result<(), E>,
    ) -> Result<(RowFile, CacheOutcome), E> {
        let key = key.clone().with("precision", &format!("{precision:?}"));
        let key = key.with("shape", &format!("{shape:?}")).finish();
        let path = self.directory.join(format!("{key}.rows.safetensors"));
        let outcome = if path.exists() {
            match RowFile::open(&path, &key) {
                Ok(rows) => return Ok((rows, CacheOutcome::Hit)),
                Err(TrainError::Corrupt { what, .. }) => CacheOutcome::Replaced(what),
                Err(other) => return Err(other.into()),
            }
        } else {
            CacheOutcome::Computed
        };
        let mut writer = RowWriter::create(path.clone(), &key, shape, precision)?;
        compute(&mut writer)?;
        writer.finish()?;
        Ok((RowFile::open(&path, &key)?, outcome))
    }
}

fn decode(bytes: &[u8], key: &str) -> Result<FeatureMatrix, String> {
    let metadata = tensor_file::metadata(bytes)?;
    let field = |name: &str| metadata.get(name).map(String::as_str).unwrap_or_default();
    if field("format") != FORMAT {
        return Err(format!(
            "its format is {:?}, expected {FORMAT:?}",
            field("format")
        ));
    }
    if field("key") != key {
        return Err("it was stored under another key".into());
    }
    let mut tensors = tensor_file::decode(bytes)?;
    let data = tensors.remove("features").ok_or("it holds no features")?;
    let found = sha256_hex(data.as_bytes());
    if found != field("sha256") {
        return Err(format!(
            "its values hash to {found}, expected {}",
            field("sha256")
        ));
    }
    let shape = data.shape.to_vec();
    let [rows, dim] = shape[..] else {
        return Err(format!("its shape is {shape:?}, expected two axes"));
    };
    let values = data.to_vec::<f32>().map_err(|e| format!("{e:?}"))?;
    Ok(FeatureMatrix { rows, dim, values })
}
