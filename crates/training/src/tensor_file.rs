//! Named tensors in safetensors files: written whole or not at all, verified when read.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::TrainError;
use crate::hash::sha256_hex;

/// Files larger than this are refused before they are read: far above any state of a model that fits this program.
const MAX_FILE_BYTES: u64 = 64 << 30;

/// The safetensors name of a float or integer type.
fn to_file_type(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 | DType::Flex32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool(_) | DType::QFloat(_) => return None,
    })
}

fn from_file_type(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        _ => return None,
    })
}

/// The file as bytes. Fails for element types that safetensors cannot hold.
pub(crate) fn encode(
    tensors: &[(String, TensorData)],
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, String> {
    let mut views = Vec::with_capacity(tensors.len());
    for (name, data) in tensors {
        let dtype = to_file_type(data.dtype)
            .ok_or_else(|| format!("tensor {name} has type {:?}", data.dtype))?;
        let view = TensorView::new(dtype, data.shape.to_vec(), data.as_bytes())
            .map_err(|e| format!("tensor {name}: {e}"))?;
        views.push((name.clone(), view));
    }
    safetensors::serialize(views, metadata).map_err(|e| e.to_string())
}

/// The tensors of a file. Lengths are checked against the header before anything is copied.
pub(crate) fn decode(bytes: &[u8]) -> Result<HashMap<String, TensorData>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let mut out = HashMap::new();
    for (name, view) in file.iter() {
        let dtype = from_file_type(view.dtype())
            .ok_or_else(|| format!("tensor {name} has type {:?}", view.dtype()))?;
        let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
        out.insert(name.to_owned(), data);
    }
    Ok(out)
}

/// The metadata of a file.
pub(crate) fn metadata(bytes: &[u8]) -> Result<HashMap<String, String>, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    Ok(header.metadata().clone().unwrap_or_default())
}

/// Reads a whole file after looking at its size.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TrainError> {
    let size = std::fs::metadata(path)
        .map_err(TrainError::io("read", path))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(TrainError::Corrupt {
            path: path.into(),
            what: format!("it has {size} bytes, more than any checkpoint ({MAX_FILE_BYTES})"),
        });
    }
    std::fs::read(path).map_err(TrainError::io("read", path))
}

/// Reads a file and checks its hash.
pub(crate) fn read_verified(path: &Path, sha256: &str) -> Result<Vec<u8>, TrainError> {
    let bytes = read(path)?;
    let found = sha256_hex(&bytes);
    if found != sha256 {
        return Err(TrainError::Corrupt {
            path: path.into(),
            what: format!("its sha256 is {found}, expected {sha256}"),
        });
    }
    Ok(bytes)
}

/// Writes and syncs a new file; the caller renames it, or the directory around it, into place.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut file = std::fs::File::create(path).map_err(TrainError::io("create", path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(TrainError::io("write", path))
}

/// Writes a file through a temporary file in the same directory, so that a reader sees the old file or the new one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)
        .map_err(TrainError::io("create a temporary file in", directory))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(TrainError::io("write", path))?;
    file.persist(path)
        .map_err(|e| TrainError::io("rename a temporary file to", path)(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_survives() {
        let floats = vec![f32::MIN_POSITIVE, -0.0, 1.0 / 3.0, f32::NAN, 1e-42];
        let tensors = vec![
            ("a".to_owned(), TensorData::new(floats, [5])),
            ("b.c".to_owned(), TensorData::new(vec![1_i64, -7], [2, 1])),
            (
                "d".to_owned(),
                TensorData::new(vec![1.0_f64 / 3.0], [1, 1, 1]),
            ),
        ];
        let back = decode(&encode(&tensors, None).unwrap()).unwrap();
        assert_eq!(back.len(), 3);
        for (name, data) in &tensors {
            assert_eq!(back[name].as_bytes(), data.as_bytes(), "{name}");
            assert_eq!(back[name].shape, data.shape);
            assert_eq!(back[name].dtype, data.dtype);
        }
    }

    #[test]
    fn truncated_and_lying_files_are_errors() {
        let tensors = vec![("a".to_owned(), TensorData::new(vec![1.0_f32; 8], [8]))];
        let bytes = encode(&tensors, None).unwrap();
        for end in [0, 4, 8, 20, bytes.len() - 1] {
            assert!(decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut huge = bytes.clone();
        huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode(&huge).is_err());
    }
}
