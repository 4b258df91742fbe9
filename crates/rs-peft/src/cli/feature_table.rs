//! Feature files as tables of rows: those of `embed` and of the training stages.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use rs_peft::clustering::InputError;
use rs_peft::clustering::rows::{FileRows, RowSource};
use rs_peft::vit_backbone::{TensorFile, sha256_file};

/// Tables up to this many bytes of single precision are held in memory; larger ones are read block by block in every pass.
const RESIDENT: usize = 256 << 20;

/// One tensor `[rows, dim]` of a safetensors file.
pub(super) struct FeatureTable {
    pub(super) path: PathBuf,
    /// Name of the tensor.
    pub(super) tensor: String,
    /// SHA-256 of the file.
    pub(super) sha256: String,
    /// The files that the rows were computed from, where the file says so.
    pub(super) files: Option<Vec<String>>,
    rows: FileRows<f32>,
    resident: Option<Vec<f32>>,
}

impl FeatureTable {
    /// Opens a tensor of that name, or the only one that is a table of floats.
    pub(super) fn open(path: &Path, tensor: Option<&str>) -> anyhow::Result<Self> {
        let file = TensorFile::open(path)?;
        let tensor = match tensor {
            Some(name) => name.to_owned(),
            None => {
                let tables = file.tensors().filter(|tensor| tensor.shape.len() == 2);
                let names: Vec<String> = tables.map(|tensor| tensor.key).collect();
                match names.as_slice() {
                    [only] => only.clone(),
                    [] => bail!(
                        "{} holds no table of features, [rows, features]; maps are not clustered: embed with --feature mean or class",
                        path.display()
                    ),
                    several => bail!(
                        "{} holds several tables; choose one with --tensor: {}",
                        path.display(),
                        several.join(", ")
                    ),
                }
            }
        };
        let files = match file.metadata().get("files") {
            Some(text) => Some(serde_json::from_str(text).with_context(|| {
                format!(
                    "{}: its metadata entry `files` is no list of names",
                    path.display()
                )
            })?),
            None => None,
        };
        Ok(Self {
            rows: FileRows::safetensors(path, &tensor)?,
            sha256: sha256_file(path)?,
            path: path.into(),
            tensor,
            files,
            resident: None,
        })
    }

    /// The same, small tables in memory.
    pub(super) fn cached(mut self) -> anyhow::Result<Self> {
        let bytes = self.rows().saturating_mul(self.dim()).saturating_mul(4);
        if bytes <= RESIDENT {
            self.resident = Some(self.all()?);
        }
        Ok(self)
    }

    /// Every row, `[rows, dim]`. The file was found long enough for them.
    pub(super) fn all(&self) -> anyhow::Result<Vec<f32>> {
        let mut values = vec![0.0; self.rows() * self.dim()];
        self.rows.read(0, &mut values)?;
        Ok(values)
    }

    /// That another table has as many features.
    pub(super) fn same_dim(&self, other: &Self) -> anyhow::Result<()> {
        ensure!(
            self.dim() == other.dim(),
            "{} has {} features per row, {} has {}; give features of the same model and block",
            self.path.display(),
            self.dim(),
            other.path.display(),
            other.dim()
        );
        Ok(())
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        RowSource::<f32>::rows(&self.rows)
    }

    /// Features per row.
    pub(super) fn dim(&self) -> usize {
        RowSource::<f32>::dim(&self.rows)
    }
}

impl RowSource<f32> for FeatureTable {
    fn rows(&self) -> usize {
        self.rows()
    }

    fn dim(&self) -> usize {
        self.dim()
    }

    fn read(&self, first: usize, out: &mut [f32]) -> Result<(), InputError> {
        match &self.resident {
            Some(values) => {
                let start = first * self.dim();
                out.copy_from_slice(&values[start..start + out.len()]);
                Ok(())
            }
            None => self.rows.read(first, out),
        }
    }

    fn resident(&self) -> Option<&[f32]> {
        self.resident.as_deref()
    }
}
