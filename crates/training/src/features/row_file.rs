//! Rows of numbers in a file, written once and read a few at a time: they need not fit into memory.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use burn::tensor::f16;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::TrainError;
use crate::hash::hex;

const FORMAT: &str = "rows-1";
/// The name of the tensor, so that other programs can read the file as safetensors.
const NAME: &str = "rows";
/// The largest header that is read.
const MOST_HEADER: u64 = 1 << 16;

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Single precision: what is read is what was written, bit for bit.
    #[default]
    F32,
    /// Half precision: half the space, three decimal digits, up to 65,504.
    F16,
}

impl Precision {
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
        }
    }
}

/// Writes rows behind one another; nobody sees the file before it is finished.
pub struct RowWriter {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    hash: Sha256,
    /// Where in the file the hash of the numbers belongs.
    hash_at: u64,
    rows: usize,
    dim: usize,
    precision: Precision,
    written: usize,
    bytes: Vec<u8>,
}

impl RowWriter {
    /// Begins the file `path` of `rows` rows with `dim` numbers each, whose contents are known by `key`.
    ///
    /// # Errors
    /// [`TrainError::Io`]; [`TrainError::FeatureShape`] when the size overflows.
    pub(super) fn create(
        path: PathBuf,
        key: &str,
        [rows, dim]: [usize; 2],
        precision: Precision,
    ) -> Result<Self, TrainError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(TrainError::io("create", folder))?;
        let size = rows
            .checked_mul(dim)
            .and_then(|n| n.checked_mul(precision.bytes()))
            .ok_or(TrainError::FeatureShape {
                what: "a size in bytes below",
                expected: usize::MAX,
                found: rows,
            })?;
        let unknown = "0".repeat(64);
        let header = json!({
            "__metadata__": { "format": FORMAT, "key": key, "sha256": unknown },
            NAME: { "dtype": precision.name(), "shape": [rows, dim], "data_offsets": [0, size] },
        });
        let mut header = header.to_string();
        let hash_at = header.find(&unknown).unwrap_or_default() as u64 + 8;
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        let file = NamedTempFile::new_in(folder)
            .map_err(TrainError::io("create a temporary file in", folder))?;
        let mut writer = Self {
            file: BufWriter::new(file),
            path,
            hash: Sha256::new(),
            hash_at,
            rows,
            dim,
            precision,
            written: 0,
            bytes: Vec::new(),
        };
        let length = (header.len() as u64).to_le_bytes();
        let begun = writer.file.write_all(&length);
        begun
            .and_then(|()| writer.file.write_all(header.as_bytes()))
            .map_err(TrainError::io("write", &writer.path))?;
        Ok(writer)
    }

    /// Adds whole rows, row-major.
    ///
    /// # Errors
    /// [`TrainError::FeatureShape`] for a ragged or too long table, [`TrainError::NonFiniteFeature`] for a number that is not finite or
    /// too large for the precision, [`TrainError::Io`].
    pub fn push(&mut self, values: &[f32]) -> Result<(), TrainError> {
        let shape = |what, expected, found| TrainError::FeatureShape {
            what,
            expected,
            found,
        };
        let dim = self.dim.max(1);
        if !values.len().is_multiple_of(dim) {
            return Err(shape("whole rows of dimension", dim, values.len()));
        }
        let rows = self.written + values.len() / dim;
        if rows > self.rows {
            return Err(shape("rows", self.rows, rows));
        }
        let finite = |value: &f32| match self.precision {
            Precision::F32 => value.is_finite(),
            Precision::F16 => f16::from_f32(*value).is_finite(),
        };
        if let Some(at) = values.iter().position(|value| !finite(value)) {
            return Err(TrainError::NonFiniteFeature {
                row: self.written + at / dim,
                column: at % dim,
            });
        }
        self.bytes.clear();
        match self.precision {
            Precision::F32 => self
                .bytes
                .extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Precision::F16 => self.bytes.extend(
                values
                    .iter()
                    .flat_map(|value| f16::from_f32(*value).to_le_bytes()),
            ),
        }
        self.hash.update(&self.bytes);
        self.file
            .write_all(&self.bytes)
            .map_err(TrainError::io("write", &self.path))?;
        self.written = rows;
        Ok(())
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`TrainError::FeatureShape`] when rows are missing, [`TrainError::Io`].
    pub(super) fn finish(mut self) -> Result<(), TrainError> {
        if self.written != self.rows {
            return Err(TrainError::FeatureShape {
                what: "rows",
                expected: self.rows,
                found: self.written,
            });
        }
        let hash = hex(&self.hash.finalize());
        self.file
            .seek(SeekFrom::Start(self.hash_at))
            .and_then(|_| self.file.write_all(hash.as_bytes()))
            .and_then(|()| self.file.flush())
            .map_err(TrainError::io("write", &self.path))?;
        let file = self.file.into_inner();
        let file = file.map_err(|e| TrainError::io("write", &self.path)(e.into_error()))?;
        file.as_file()
            .sync_all()
            .map_err(TrainError::io("write", &self.path))?;
        file.persist(&self.path)
            .map_err(|e| TrainError::io("rename a temporary file to", &self.path)(e.error))?;
        Ok(())
    }
}

/// Rows in a file. Memory is what a request asks for.
#[derive(Debug)]
pub struct RowFile {
    path: PathBuf,
    data_at: u64,
    rows: usize,
    dim: usize,
    precision: Precision,
}

impl RowFile {
    /// Opens a file and verifies that its numbers are those that were written under `key`.
    ///
    /// # Errors
    /// [`TrainError::Corrupt`], [`TrainError::Io`].
    pub(super) fn open(path: &Path, key: &str) -> Result<Self, TrainError> {
        let io = |source| TrainError::io("read", path)(source);
        let corrupt = |what: String| TrainError::Corrupt {
            path: path.into(),
            what,
        };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(io)?;
        let size = u64::from_le_bytes(size);
        if size > MOST_HEADER || size > length.saturating_sub(8) {
            return Err(corrupt(format!("its header claims {size} bytes")));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(io)?;
        let header: Value =
            serde_json::from_slice(&header).map_err(|e| corrupt(format!("its header: {e}")))?;
        let about = &header["__metadata__"];
        if about["format"] != FORMAT {
            return Err(corrupt(format!("its format is not {FORMAT}")));
        }
        if about["key"] != key {
            return Err(corrupt("it was stored under another key".into()));
        }
        let of_rows = &header[NAME];
        let extent = |axis: usize| {
            let extent = of_rows["shape"][axis].as_u64();
            extent.and_then(|extent| usize::try_from(extent).ok())
        };
        let precision = match of_rows["dtype"].as_str() {
            Some("F32") => Precision::F32,
            Some("F16") => Precision::F16,
            other => return Err(corrupt(format!("its numbers are of type {other:?}"))),
        };
        let (Some(rows), Some(dim)) = (extent(0), extent(1)) else {
            return Err(corrupt("it has no shape".into()));
        };
        let data_at = 8 + size;
        let wanted = rows
            .checked_mul(dim)
            .and_then(|n| n.checked_mul(precision.bytes()));
        if wanted.map(|bytes| bytes as u64) != Some(length - data_at) {
            return Err(corrupt(format!(
                "{rows} rows of {dim} do not fill its {} bytes",
                length - data_at
            )));
        }
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer).map_err(io)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
        let found = hex(&hash.finalize());
        if about["sha256"] != found.as_str() {
            return Err(corrupt(format!(
                "its numbers hash to {found}, expected {}",
                about["sha256"]
            )));
        }
        Ok(Self {
            path: path.into(),
            data_at,
            rows,
            dim,
            precision,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers per row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How the numbers are stored.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The given rows in this order, `[indices, dim]` row-major. Several threads may read at a time.
    ///
    /// # Errors
    /// [`TrainError::FeatureShape`] for a row that does not exist, [`TrainError::Io`].
    pub fn read(&self, indices: &[usize]) -> Result<Vec<f32>, TrainError> {
        if let Some(&found) = indices.iter().find(|&&index| index >= self.rows) {
            return Err(TrainError::FeatureShape {
                what: "a row below",
                expected: self.rows,
                found,
            });
        }
        let io = |source| TrainError::io("read", &self.path)(source);
        let mut file = File::open(&self.path).map_err(io)?;
        let mut bytes = vec![0; self.dim * self.precision.bytes()];
        let mut values = Vec::with_capacity(indices.len() * self.dim);
        for &index in indices {
            let at = self.data_at + (index * bytes.len()) as u64;
            file.seek(SeekFrom::Start(at)).map_err(io)?;
            file.read_exact(&mut bytes).map_err(io)?;
            let (pairs, _) = bytes.as_chunks::<2>();
            let (quads, _) = bytes.as_chunks::<4>();
            match self.precision {
                Precision::F32 => values.extend(quads.iter().map(|b| f32::from_le_bytes(*b))),
                Precision::F16 => {
                    values.extend(pairs.iter().map(|b| f16::from_le_bytes(*b).to_f32()));
                }
            }
        }
        Ok(values)
    }
}
