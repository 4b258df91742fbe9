//! Small files of named tensors with their format, its version and a checksum: what `cluster` and `calibrate` write.
//!
//! A safetensors file. The metadata hold `format` (name and version), `sha256` (of everything else in the file) and texts by name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use rs_peft::peft_lora::peft_format::read_capped;
use rs_peft::rs_datasets::io::write_atomically;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Nothing larger is read.
const LIMIT: u64 = 4 << 30;

/// Numbers of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

impl Numbers {
    fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
            Self::I64(_) => "I64",
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::I64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// A tensor: its name, its shape, its numbers.
pub(super) type Tensor = (&'static str, Vec<usize>, Numbers);

/// A file that was read: metadata but for the checksum, and tensors by name.
pub(super) struct Table {
    pub(super) metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, (Vec<usize>, Numbers)>,
}

impl Table {
    /// Takes a tensor of single precision out.
    pub(super) fn take_f32(&mut self, name: &str) -> anyhow::Result<(Vec<usize>, Vec<f32>)> {
        match self.tensors.remove(name) {
            Some((shape, Numbers::F32(values))) => Ok((shape, values)),
            other => bail!("`{name}` is {}, expected F32", kind(other.as_ref())),
        }
    }

    /// Takes a tensor of double precision out, where there is one.
    pub(super) fn take_f64(&mut self, name: &str) -> anyhow::Result<Option<Vec<f64>>> {
        match self.tensors.remove(name) {
            None => Ok(None),
            Some((_, Numbers::F64(values))) => Ok(Some(values)),
            other => bail!("`{name}` is {}, expected F64", kind(other.as_ref())),
        }
    }

    /// Takes a tensor of whole numbers out.
    pub(super) fn take_i64(&mut self, name: &str) -> anyhow::Result<Vec<i64>> {
        match self.tensors.remove(name) {
            Some((_, Numbers::I64(values))) => Ok(values),
            other => bail!("`{name}` is {}, expected I64", kind(other.as_ref())),
        }
    }
}

fn kind(tensor: Option<&(Vec<usize>, Numbers)>) -> &'static str {
    tensor.map_or("missing", |(_, numbers)| numbers.dtype())
}

/// The hash of names, types, shapes, numbers and metadata; lengths keep their ends apart.
fn digest<'a>(
    metadata: &BTreeMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, &'a str, &'a [usize], &'a [u8])>,
) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for (key, value) in metadata {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    for (name, dtype, shape, bytes) in tensors {
        add(name.as_bytes());
        add(dtype.as_bytes());
        add(format!("{shape:?}").as_bytes());
        add(bytes);
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Writes a file, whole or not at all; the same input gives the same bytes.
pub(super) fn write(
    path: &Path,
    format: &str,
    mut metadata: BTreeMap<String, String>,
    tensors: &[Tensor],
) -> anyhow::Result<()> {
    metadata.insert("format".into(), format.into());
    // By name, as they are hashed again when read.
    let mut sorted: Vec<&Tensor> = tensors.iter().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    let bytes: Vec<Vec<u8>> = sorted
        .iter()
        .map(|(_, _, numbers)| numbers.bytes())
        .collect();
    let parts = sorted.iter().zip(&bytes);
    let sha256 = digest(
        &metadata,
        parts.map(|((name, shape, numbers), bytes)| {
            (*name, numbers.dtype(), shape.as_slice(), bytes.as_slice())
        }),
    );
    metadata.insert("sha256".into(), sha256);
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!(metadata));
    let mut start = 0;
    for ((name, shape, numbers), bytes) in sorted.iter().zip(&bytes) {
        let end = start + bytes.len();
        header.insert(
            (*name).into(),
            json!({ "dtype": numbers.dtype(), "shape": shape, "data_offsets": [start, end] }),
        );
        start = end;
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text);
    bytes.iter().for_each(|bytes| file.extend(bytes));
    Ok(write_atomically(path, &file)?)
}

/// Reads a file of one format and checks that it is the one that was written.
pub(super) fn read(path: &Path, format: &str, made_by: &str) -> anyhow::Result<Table> {
    let name = path.display();
    let bytes = read_capped(path, LIMIT)?;
    let no_file = || format!("{name} is no file that `{made_by}` wrote");
    let (_, header) = SafeTensors::read_metadata(&bytes).with_context(no_file)?;
    let mut metadata: BTreeMap<String, String> = header
        .metadata()
        .iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let found = metadata.get("format").map_or("none", String::as_str);
    ensure!(
        found == format,
        "{name}: its format is `{found}`, expected `{format}`; give a file that `{made_by}` wrote"
    );
    let file = SafeTensors::deserialize(&bytes).with_context(no_file)?;
    let mut views = file.tensors();
    views.sort_by(|a, b| a.0.cmp(&b.0));
    let written = metadata.remove("sha256").unwrap_or_default();
    let types: Vec<String> = views
        .iter()
        .map(|(_, view)| format!("{:?}", view.dtype()))
        .collect();
    let parts = views.iter().zip(&types);
    let sha256 = digest(
        &metadata,
        parts.map(|((name, view), dtype)| {
            (name.as_str(), dtype.as_str(), view.shape(), view.data())
        }),
    );
    ensure!(
        written == sha256,
        "{name}: its content hashes to {sha256}, its header says `{written}`; it was changed or damaged, write it again"
    );
    let mut tensors = BTreeMap::new();
    for (name, view) in &views {
        let data = view.data();
        let (fours, eights) = (data.as_chunks::<4>().0, data.as_chunks::<8>().0);
        let numbers = match view.dtype() {
            Dtype::F32 => Numbers::F32(fours.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            Dtype::F64 => Numbers::F64(eights.iter().map(|b| f64::from_le_bytes(*b)).collect()),
            Dtype::I64 => Numbers::I64(eights.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            other => bail!("`{name}` of {} is {other:?}", path.display()),
        };
        tensors.insert(name.clone(), (view.shape().to_vec(), numbers));
    }
    Ok(Table { metadata, tensors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_and_no_flipped_bit_passes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let metadata = BTreeMap::from([("seed".to_owned(), "3".to_owned())]);
        let tensors = [
            ("b", vec![2, 2], Numbers::F32(vec![1.0, -2.0, 3.5, 0.0])),
            ("a", vec![3], Numbers::I64(vec![-1, 0, 7])),
            ("c", vec![1], Numbers::F64(vec![0.1])),
        ];
        write(&path, "test 1", metadata.clone(), &tensors).unwrap();
        let whole = std::fs::read(&path).unwrap();
        write(&path, "test 1", metadata, &tensors).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        let mut table = read(&path, "test 1", "x").unwrap();
        assert_eq!(table.metadata["seed"], "3");
        assert_eq!(
            table.take_f32("b").unwrap(),
            (vec![2, 2], vec![1.0, -2.0, 3.5, 0.0])
        );
        assert_eq!(table.take_i64("a").unwrap(), [-1, 0, 7]);
        assert_eq!(table.take_f64("c").unwrap(), Some(vec![0.1]));
        assert_eq!(table.take_f64("d").unwrap(), None);
        assert!(table.take_f32("a").is_err());
        assert!(read(&path, "test 2", "x").is_err());
        for bit in 0..8 * whole.len() {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &damaged).unwrap();
            if let Ok(mut table) = read(&path, "test 1", "x") {
                // Blanks at the end of the header may become other blanks.
                assert_eq!(table.take_i64("a").unwrap(), [-1, 0, 7], "bit {bit}");
                assert_eq!(table.take_f32("b").unwrap().1, [1.0, -2.0, 3.5, 0.0]);
                assert_eq!(table.metadata["seed"], "3");
            }
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(read(&path, "test 1", "x").is_err(), "{length}");
        }
    }
}
