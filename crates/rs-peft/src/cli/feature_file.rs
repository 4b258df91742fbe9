//! A file of features, written batch by batch: safetensors whose tensors are filled side by side.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};

/// One tensor of single precision per name, `[images, ...]`, under a temporary name until it is complete.
pub(crate) struct FeatureFile {
    file: File,
    path: PathBuf,
    temporary: PathBuf,
    /// Bytes of an image in a tensor, and of a tensor.
    row: u64,
    tensor: u64,
    start: u64,
    /// Bytes written to each tensor.
    written: Vec<u64>,
}

impl FeatureFile {
    /// Starts a file for so many images, each `shape` numbers in every tensor. Metadata are texts by name.
    pub(crate) fn create(
        path: &Path,
        names: Vec<String>,
        images: usize,
        shape: &[usize],
        metadata: &Value,
    ) -> anyhow::Result<Self> {
        let row = 4 * shape.iter().product::<usize>() as u64;
        let tensor = row * images as u64;
        let mut header = Map::new();
        header.insert("__metadata__".into(), metadata.clone());
        let whole: Vec<usize> = [images].iter().chain(shape).copied().collect();
        for (number, name) in names.iter().enumerate() {
            let start = number as u64 * tensor;
            let entry =
                json!({ "dtype": "F32", "shape": whole, "data_offsets": [start, start + tensor] });
            ensure!(
                header.insert(name.clone(), entry).is_none(),
                "{name} was asked for twice"
            );
        }
        let mut bytes = Value::Object(header).to_string().into_bytes();
        bytes.resize(bytes.len().next_multiple_of(8), b' ');
        let name = path.file_name().context("--output names no file")?;
        let temporary = path.with_file_name(format!(
            ".{}.{}.tmp",
            name.to_string_lossy(),
            std::process::id()
        ));
        let file = File::create_new(&temporary)
            .with_context(|| format!("cannot write {}", temporary.display()))?;
        let mut features = Self {
            file,
            path: path.to_owned(),
            temporary,
            row,
            tensor,
            start: 8 + bytes.len() as u64,
            written: vec![0; names.len()],
        };
        features
            .file
            .write_all(&(bytes.len() as u64).to_le_bytes())?;
        features.file.write_all(&bytes)?;
        Ok(features)
    }

    /// Adds the values of further images to a tensor.
    pub(crate) fn append(&mut self, tensor: usize, values: &[f32]) -> anyhow::Result<()> {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let at = self.start + tensor as u64 * self.tensor + self.written[tensor];
        self.written[tensor] += bytes.len() as u64;
        ensure!(
            self.written[tensor] <= self.tensor,
            "more features than images"
        );
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(&bytes)?;
        Ok(())
    }

    /// Number of images that every tensor has.
    pub(crate) fn images(&self) -> u64 {
        self.written
            .iter()
            .min()
            .map_or(0, |written| written / self.row.max(1))
    }

    /// Gives the complete file its name.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        ensure!(
            self.written.iter().all(|written| *written == self.tensor),
            "fewer features than images"
        );
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        Ok(())
    }
}

impl Drop for FeatureFile {
    fn drop(&mut self) {
        // After the renaming there is nothing to remove.
        let _ = fs::remove_file(&self.temporary);
    }
}
