//! A checkpoint file, described: which tensors it has, of which shape and type, and how to read one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::directory::{DESCRIPTION_KEY, weights_in};
use super::report::Format;
use super::values::StoredType;
use super::{pth, safetensors};
use crate::BackboneError;

/// One tensor of a file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: StoredType,
    /// Position of the first number in the file.
    pub(crate) offset: u64,
    /// Distance in numbers between neighbours along each axis.
    pub(crate) strides: Vec<usize>,
    /// What it is joined from along its first axis, when not empty; offset and strides then mean nothing.
    pub(crate) parts: Vec<Part>,
}

/// One of the parts that a tensor is joined from.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// A tensor of the file.
    Stored(Entry),
    /// So many zeros.
    Zeros(usize),
}

/// A file and the tensors in it. Reading it allocated nothing of the size of the tensors.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) len: u64,
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Where in a nested file the tensors were found, such as `model`; empty at the top.
    pub(crate) nested: String,
}

/// Numbers that a thread reads and converts at a time: their bytes stay in its cache.
const READ_AT_ONCE: usize = 1 << 17;

/// The largest header or pickle that is read: a model of a thousand tensors needs about a hundred thousand bytes.
pub(crate) const HEADER_LIMIT: u64 = 32 << 20;

impl Container {
    /// Opens a file, or the file of weights in a Hugging Face directory, and finds out its format from its first bytes,
    /// whatever its name says.
    ///
    /// `nested` names the dictionary to take in a file that holds several.
    pub(crate) fn open(path: &Path, nested: Option<&str>) -> Result<Self, BackboneError> {
        let io = |action| {
            move |source| BackboneError::Io {
                path: path.to_owned(),
                action,
                source,
            }
        };
        let mut file = File::open(path).map_err(io("opening"))?;
        let meta = file.metadata().map_err(io("opening"))?;
        if meta.is_dir() {
            let (weights, description) = weights_in(path)?;
            let mut container = Self::open(&weights, nested)?;
            if let Some(text) = description {
                container.metadata.insert(DESCRIPTION_KEY.into(), text);
            }
            return Ok(container);
        }
        let mut magic = Vec::new();
        (&mut file)
            .take(16)
            .read_to_end(&mut magic)
            .map_err(io("reading"))?;
        file.seek(SeekFrom::Start(0)).map_err(io("reading"))?;
        let len = meta.len();
        if pth::zip::is_zip(&magic) {
            pth::zip::open(path, file, len, nested)
        } else if pth::legacy::is_legacy(&magic) {
            pth::legacy::open(path, file, len, nested)
        } else if safetensors::is_safetensors(&magic) {
            safetensors::open(path, file, len)
        } else {
            Err(BackboneError::Checkpoint {
                path: path.to_owned(),
                problem: format!("its {len} bytes begin like neither a safetensors nor a PyTorch file"),
                remedy: "download it again; a text page or a pointer file is often saved in place of the weights".into(),
            })
        }
    }

    /// The values of one entry in row-major order.
    ///
    /// The caller has compared the shape with what it needs, so the allocation is of a size it chose.
    pub(crate) fn read(&self, key: &str, entry: &Entry) -> Result<Vec<f32>, BackboneError> {
        let count: usize = entry.shape.iter().product();
        if count == 0 {
            return Ok(Vec::new());
        }
        if !entry.parts.is_empty() {
            let mut values = Vec::with_capacity(count);
            for part in &entry.parts {
                match part {
                    Part::Stored(entry) => values.extend(self.read(key, entry)?),
                    Part::Zeros(zeros) => values.resize(values.len() + zeros, 0.0),
                }
            }
            return Ok(values);
        }
        // Numbers from the first to the last that the tensor touches; containers check that they lie inside the file.
        let span = 1 + entry
            .shape
            .iter()
            .zip(&entry.strides)
            .map(|(size, stride)| (size - 1) * stride)
            .sum::<usize>();
        let mut values = vec![0.0; span];
        let parts = values.par_chunks_mut(READ_AT_ONCE).enumerate();
        let finite: Vec<bool> = parts
            .map(|(part, values)| self.read_part(key, entry, part * READ_AT_ONCE, values))
            .collect::<Result<_, _>>()?;
        if let Some(bad) = finite
            .contains(&false)
            .then(|| values.iter().find(|v| !v.is_finite()))
            .flatten()
        {
            return Err(BackboneError::Checkpoint {
                path: self.path.clone(),
                problem: format!("`{key}` holds {bad}"),
                remedy: "the training that wrote it diverged, or the file is damaged; use another checkpoint".into(),
            });
        }
        Ok(
            if span == count && entry.strides == contiguous(&entry.shape) {
                values
            } else {
                gather(&values, &entry.shape, &entry.strides)
            },
        )
    }

    /// Numbers of an entry from the `first` on, as they lie in the file; whether all are finite.
    fn read_part(
        &self,
        key: &str,
        entry: &Entry,
        first: usize,
        values: &mut [f32],
    ) -> Result<bool, BackboneError> {
        let io = |source| BackboneError::Io {
            path: self.path.clone(),
            action: "reading weights",
            source,
        };
        let size = entry.dtype.bytes();
        let mut bytes = vec![0; values.len() * size];
        let mut file = File::open(&self.path).map_err(io)?;
        let at = entry.offset + (first * size) as u64;
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        file.read_exact(&mut bytes).map_err(io)?;
        entry
            .dtype
            .to_f32(&bytes, values)
            .ok_or_else(|| self.corrupt(format!("`{key}` has no float type")))?;
        // Without leaving early, so that it is vectorised.
        Ok(values.iter().fold(true, |all, v| all & v.is_finite()))
    }

    /// The error for contents that contradict themselves.
    pub(crate) fn corrupt(&self, problem: String) -> BackboneError {
        corrupt(&self.path, self.format, problem)
    }
}

/// The error for a file whose contents contradict themselves.
pub(crate) fn corrupt(path: &Path, format: Format, problem: String) -> BackboneError {
    BackboneError::Checkpoint {
        path: path.to_owned(),
        problem: format!("damaged {format} file: {problem}"),
        remedy: "copy or download it again and compare its SHA-256 with the publisher's".into(),
    }
}

/// Strides of a row-major tensor.
pub(crate) fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// Number of elements, `None` on overflow.
pub(crate) fn checked_count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |count, size| count.checked_mul(*size))
}

/// Row-major copy of a strided tensor.
fn gather(values: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let mut out = Vec::with_capacity(count);
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    for _ in 0..count {
        out.push(values[at]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_tensor_is_read_in_row_major_order() {
        let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]; // [2, 3]
        assert_eq!(
            gather(&values, &[3, 2], &[1, 3]),
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        assert_eq!(contiguous(&[2, 3, 4]), [12, 4, 1]);
        assert_eq!(checked_count(&[usize::MAX, 2]), None);
    }
}
