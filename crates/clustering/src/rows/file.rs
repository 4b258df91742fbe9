//! Rows in a file, of which only the blocks in use are in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::RowSource;
use super::header::{self, Stored, Table};
use crate::error::InputError;
use crate::scalar::Scalar;

/// A table in an npy, safetensors or headerless file, read by plain positioned reads.
///
/// The operating system keeps what was read in its page cache, as it would for a memory map; without one, no other process can change
/// memory under our feet, and a read error is an error instead of a signal. The file must not change while it is used.
#[derive(Debug)]
pub struct FileRows<T> {
    path: PathBuf,
    file: Mutex<File>,
    table: Table,
    scalar: PhantomData<T>,
}

impl<T: Scalar> FileRows<T> {
    /// An npy file with two axes, `[rows, dim]`, float32 or float64, little-endian, in C order.
    ///
    /// # Errors
    /// When the file cannot be read, is not such a table, or is shorter than its header says.
    pub fn npy(path: &Path) -> Result<Self, InputError> {
        Self::open(path, header::npy)
    }

    /// The tensor `name`, `[rows, dim]`, F16, F32 or F64, of a safetensors file.
    ///
    /// # Errors
    /// As [`FileRows::npy`].
    pub fn safetensors(path: &Path, name: &str) -> Result<Self, InputError> {
        Self::open(path, |file| header::safetensors(file, name))
    }

    /// A file without header: little-endian float32, rows of `dim` features from its first byte to its last.
    ///
    /// # Errors
    /// As [`FileRows::npy`], and when the size of the file is not a multiple of a row.
    pub fn raw_f32(path: &Path, dim: usize) -> Result<Self, InputError> {
        let row = (dim as u64).saturating_mul(4);
        let size = std::fs::metadata(path)
            .map_err(|source| InputError::Io {
                path: path.into(),
                source,
            })?
            .len();
        if row == 0 || !size.is_multiple_of(row) {
            return Err(InputError::File {
                path: path.into(),
                problem: format!(
                    "{size} bytes are no whole number of rows of {dim} float32 numbers"
                ),
            });
        }
        Self::open(path, |_| {
            Ok(Table {
                stored: Stored::F32,
                rows: usize::try_from(size / row).map_err(|e| e.to_string())?,
                dim,
                start: 0,
            })
        })
    }

    fn open(
        path: &Path,
        header: impl FnOnce(&mut File) -> Result<Table, String>,
    ) -> Result<Self, InputError> {
        let io = |source| InputError::Io {
            path: path.into(),
            source,
        };
        let wrong = |problem| InputError::File {
            path: path.into(),
            problem,
        };
        let mut file = File::open(path).map_err(io)?;
        let table = header(&mut file).map_err(wrong)?;
        if table.rows == 0 || table.dim == 0 {
            return Err(InputError::Empty {
                rows: table.rows,
                dim: table.dim,
            });
        }
        let size = file.metadata().map_err(io)?.len();
        let needed = (table.rows as u128 * table.dim as u128)
            .saturating_mul(table.stored.bytes() as u128)
            .saturating_add(u128::from(table.start));
        if needed > u128::from(size) {
            return Err(wrong(format!(
                "{} rows of {} features need {needed} bytes, the file has {size}; it is cut off, write it again",
                table.rows, table.dim
            )));
        }
        Ok(Self {
            path: path.into(),
            file: Mutex::new(file),
            table,
            scalar: PhantomData,
        })
    }
}

impl<T: Scalar> RowSource<T> for FileRows<T> {
    fn rows(&self) -> usize {
        self.table.rows
    }

    fn dim(&self) -> usize {
        self.table.dim
    }

    fn read(&self, first: usize, out: &mut [T]) -> Result<(), InputError> {
        let width = self.table.stored.bytes();
        let mut bytes = vec![0u8; out.len() * width];
        // `open` checked that the last row lies inside the file, so this product fits.
        let at = self.table.start + first as u64 * self.table.dim as u64 * width as u64;
        {
            // A thread that panicked while it held the lock left no broken state: the position is set anew here.
            let mut file = self
                .file
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            file.seek(SeekFrom::Start(at))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|source| InputError::Io {
                    path: self.path.clone(),
                    source,
                })?;
        }
        match self.table.stored {
            Stored::F16 => {
                for (value, b) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                    *value = T::from_f64(half::f16::from_le_bytes([b[0], b[1]]).to_f64());
                }
            }
            Stored::F32 => {
                for (value, b) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                    *value = T::from_f64(f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
                }
            }
            Stored::F64 => {
                for (value, b) in out.iter_mut().zip(bytes.chunks_exact(8)) {
                    *value = T::from_f64(f64::from_le_bytes([
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
                    ]));
                }
            }
        }
        Ok(())
    }
}
