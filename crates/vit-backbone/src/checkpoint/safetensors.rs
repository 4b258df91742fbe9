//! The safetensors container: a JSON header that says where the bytes of each tensor are.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::container::{Container, Entry, HEADER_LIMIT, contiguous, corrupt};
use super::report::Format;
use super::values::StoredType;
use crate::BackboneError;

/// Whether a file begins like safetensors: eight bytes of length, then a JSON object.
pub(crate) fn is_safetensors(magic: &[u8]) -> bool {
    magic.get(8) == Some(&b'{')
}

/// Reads and checks the header.
pub(crate) fn open(path: &Path, mut file: File, len: u64) -> Result<Container, BackboneError> {
    let bad = |problem: String| corrupt(path, Format::Safetensors, problem);
    let io = |source| BackboneError::Io {
        path: path.to_owned(),
        action: "reading the header",
        source,
    };
    let mut size = [0; 8];
    file.read_exact(&mut size).map_err(io)?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_LIMIT || size > len.saturating_sub(8) {
        return Err(bad(format!(
            "its header claims {size} bytes, the whole file has {len}"
        )));
    }
    let mut header = Vec::new();
    file.take(size).read_to_end(&mut header).map_err(io)?;
    // `Metadata` checks that the tensors lie behind one another and that shapes, types and byte ranges agree.
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|e| bad(format!("its header: {e}")))?;
    let end = metadata.data_len() as u64;
    if end != len - 8 - size {
        return Err(bad(format!(
            "its tensors need {end} bytes, {} are there",
            len - 8 - size
        )));
    }
    let entries = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let entry = Entry {
                strides: contiguous(&info.shape),
                shape: info.shape.clone(),
                dtype: stored_type(info.dtype),
                offset: 8 + size + info.data_offsets.0 as u64,
                parts: Vec::new(),
            };
            (name, entry)
        })
        .collect();
    Ok(Container {
        path: path.to_owned(),
        format: Format::Safetensors,
        len,
        entries,
        metadata: metadata
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        nested: String::new(),
    })
}

fn stored_type(dtype: Dtype) -> StoredType {
    let other = |bytes, name| StoredType::Other { bytes, name };
    match dtype {
        Dtype::F32 => StoredType::F32,
        Dtype::F16 => StoredType::F16,
        Dtype::BF16 => StoredType::BF16,
        Dtype::F64 => StoredType::F64,
        Dtype::I64 => other(8, "I64"),
        Dtype::U64 => other(8, "U64"),
        Dtype::C64 => other(8, "C64"),
        Dtype::I32 => other(4, "I32"),
        Dtype::U32 => other(4, "U32"),
        Dtype::I16 => other(2, "I16"),
        Dtype::U16 => other(2, "U16"),
        Dtype::I8 => other(1, "I8"),
        Dtype::U8 => other(1, "U8"),
        Dtype::BOOL => other(1, "BOOL"),
        _ => other(1, "a type of eight bits or fewer"),
    }
}
