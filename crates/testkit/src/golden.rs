//! Goldens: inputs and results of published packages, written once by the exporters under `assets/golden`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData, backend::Backend};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

/// The directory `assets/golden` of the workspace.
pub fn golden_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden")
}

/// The tensors of one golden file.
#[derive(Debug, Clone)]
pub struct Golden {
    path: PathBuf,
    tensors: BTreeMap<String, TensorData>,
    metadata: BTreeMap<String, String>,
}

impl Golden {
    /// Opens a safetensors file below `assets/golden`, such as `vit-backbone/vit_tiny.safetensors`.
    ///
    /// # Panics
    /// When the file is absent or holds something else: a golden is part of the repository.
    pub fn open(relative: &str) -> Self {
        let path = golden_root().join(relative);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file =
            SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tensors = file
            .iter()
            .map(|(name, view)| {
                let bytes = view.data();
                let shape = view.shape().to_vec();
                let data = match view.dtype() {
                    Dtype::F32 => TensorData::new(numbers(bytes, f32::from_le_bytes), shape),
                    Dtype::F64 => TensorData::new(numbers(bytes, f64::from_le_bytes), shape),
                    Dtype::I64 => TensorData::new(numbers(bytes, i64::from_le_bytes), shape),
                    other => panic!(
                        "{}: `{name}` has the type {other:?}; goldens are F32, F64 or I64",
                        path.display()
                    ),
                };
                (name.to_owned(), data)
            })
            .collect();
        let metadata = header
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        Self {
            path,
            tensors,
            metadata,
        }
    }

    /// Reads a JSON file below `assets/golden`.
    ///
    /// # Panics
    /// When the file is absent or does not parse.
    pub fn json<T: DeserializeOwned>(relative: &str) -> T {
        let path = golden_root().join(relative);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The path of the file, for tests that load it as a checkpoint.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A text of the file's metadata, such as the versions of the packages that wrote it.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// A text of the metadata, parsed as JSON.
    ///
    /// # Panics
    /// When it is absent or does not parse.
    pub fn metadata_json<T: DeserializeOwned>(&self, key: &str) -> T {
        let text = self
            .metadata(key)
            .unwrap_or_else(|| panic!("{}: no metadata `{key}`", self.path.display()));
        serde_json::from_str(text)
            .unwrap_or_else(|e| panic!("{}: metadata `{key}`: {e}", self.path.display()))
    }

    /// One tensor as data on the host.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn data(&self, name: &str) -> &TensorData {
        self.tensors.get(name).unwrap_or_else(|| {
            let names: Vec<_> = self.names().collect();
            panic!(
                "{}: no tensor `{name}` among {names:?}",
                self.path.display()
            )
        })
    }

    /// One tensor on a device, in the backend's float type.
    ///
    /// # Panics
    /// When there is none of that name, or it has another number of axes.
    pub fn tensor<B: Backend, const D: usize>(
        &self,
        name: &str,
        device: &B::Device,
    ) -> Tensor<B, D> {
        Tensor::from_data(self.data(name).clone().convert::<f32>(), device)
    }

    /// The values of an f32 tensor.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.data(name).iter::<f32>().collect()
    }
}

/// Little-endian numbers of `N` bytes.
fn numbers<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .chunks_exact(N)
        .map(|chunk| {
            let mut array = [0; N];
            array.copy_from_slice(chunk);
            read(array)
        })
        .collect()
}
