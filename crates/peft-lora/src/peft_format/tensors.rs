//! Safetensors in and out, as maps of named arrays in f32.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::array::HostArray;
use super::directory::read_capped;
use super::record::Record;
use crate::error::PeftError;

/// Adapter files are small; a full copy of the largest published vision backbones is below this.
const LIMIT: u64 = 16 << 30;

/// Reads every tensor of a file, which is the one that `record` says if it says so. F16, BF16 and F64 are converted to f32.
///
/// # Errors
/// [`PeftError::Io`], [`PeftError::TooLarge`], [`PeftError::Damaged`], [`PeftError::SafeTensors`] for truncated or corrupt files, [`PeftError::DType`].
pub(crate) fn read_tensors(
    path: &Path,
    record: Option<&Record>,
) -> Result<BTreeMap<String, HostArray>, PeftError> {
    let bytes = read_capped(path, LIMIT)?;
    if let Some(record) = record {
        record.check(path, &bytes)?;
    }
    // The parser checks every claimed offset against the bytes at hand before anything is allocated.
    let file = SafeTensors::deserialize(&bytes).map_err(|error| PeftError::SafeTensors {
        path: path.to_owned(),
        message: format!("{error} ({error:?})"),
    })?;
    let mut tensors = BTreeMap::new();
    for (key, view) in file.iter() {
        let data = to_f32(&view).ok_or_else(|| PeftError::DType {
            path: path.to_owned(),
            key: key.to_owned(),
            found: format!("{:?}", view.dtype()),
        })?;
        tensors.insert(
            key.to_owned(),
            HostArray {
                shape: view.shape().to_vec(),
                data,
            },
        );
    }
    Ok(tensors)
}

/// The values as f32, or `None` for types that are not floats.
fn to_f32(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    // `chunks_exact(N)` yields slices of N bytes, so the conversions to arrays cannot fail.
    Some(match view.dtype() {
        Dtype::F32 => bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        Dtype::F16 => bytes
            .chunks_exact(2)
            .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        Dtype::BF16 => bytes
            .chunks_exact(2)
            .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        Dtype::F64 => bytes
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
            .collect(),
        _ => return None,
    })
}

/// The bytes of a safetensors file with these tensors in f32, marked `format: pt` as PEFT's loader demands.
///
/// # Errors
/// [`PeftError::NotFinite`] for NaN or infinities, [`PeftError::SafeTensors`] if the header would be larger than the format allows.
pub(crate) fn tensor_bytes(
    path: &Path,
    tensors: &BTreeMap<String, HostArray>,
) -> Result<Vec<u8>, PeftError> {
    let mut raw: Vec<(&str, &[usize], Vec<u8>)> = Vec::with_capacity(tensors.len());
    for (key, array) in tensors {
        array.require_finite(key)?;
        raw.push((
            key,
            &array.shape,
            array
                .data
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ));
    }
    let failed = |error: safetensors::SafeTensorError| PeftError::SafeTensors {
        path: path.to_owned(),
        message: format!("cannot be written: {error}"),
    };
    let mut views = Vec::with_capacity(raw.len());
    for (key, shape, bytes) in &raw {
        views.push((
            *key,
            TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(failed)?,
        ));
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dtype: Dtype, bytes: Vec<u8>) -> tempfile::NamedTempFile {
        let view = TensorView::new(dtype, vec![2], &bytes).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            safetensors::serialize([("x", view)], None).unwrap(),
        )
        .unwrap();
        file
    }

    #[test]
    fn float_types_are_converted_and_others_refused() {
        let values = [1.5f64, -0.25];
        let cases: [(Dtype, Vec<u8>); 4] = [
            (
                Dtype::F32,
                values
                    .iter()
                    .flat_map(|v| (*v as f32).to_le_bytes())
                    .collect(),
            ),
            (
                Dtype::F64,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
            (
                Dtype::F16,
                values
                    .iter()
                    .flat_map(|v| f16::from_f64(*v).to_le_bytes())
                    .collect(),
            ),
            (
                Dtype::BF16,
                values
                    .iter()
                    .flat_map(|v| bf16::from_f64(*v).to_le_bytes())
                    .collect(),
            ),
        ];
        for (dtype, bytes) in cases {
            let file = written(dtype, bytes);
            assert_eq!(
                read_tensors(file.path(), None).unwrap()["x"].data,
                [1.5, -0.25],
                "{dtype:?}"
            );
        }
        let integers = written(Dtype::I32, vec![0; 8]);
        let error = read_tensors(integers.path(), None).unwrap_err();
        assert!(
            matches!(&error, PeftError::DType { key, .. } if key == "x"),
            "{error}"
        );
    }

    #[test]
    fn every_truncation_and_a_lying_header_are_errors() {
        let tensors = BTreeMap::from([(
            "a".to_owned(),
            HostArray::new([3], vec![1.0, 2.0, 3.0]).unwrap(),
        )]);
        let bytes = tensor_bytes(Path::new("x"), &tensors).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        for length in 0..bytes.len() {
            std::fs::write(file.path(), &bytes[..length]).unwrap();
            let error = read_tensors(file.path(), None).unwrap_err();
            assert!(
                matches!(error, PeftError::SafeTensors { .. }),
                "{length}: {error}"
            );
        }
        let mut huge = u64::MAX.to_le_bytes().to_vec();
        huge.extend_from_slice(b"{}");
        std::fs::write(file.path(), huge).unwrap();
        assert!(matches!(
            read_tensors(file.path(), None).unwrap_err(),
            PeftError::SafeTensors { .. }
        ));
    }

    #[test]
    fn values_that_are_not_finite_are_not_written() {
        let tensors = BTreeMap::from([(
            "a".to_owned(),
            HostArray::new([2], vec![1.0, f32::NAN]).unwrap(),
        )]);
        let error = tensor_bytes(Path::new("x"), &tensors).unwrap_err();
        assert!(
            matches!(&error, PeftError::NotFinite { what, count: 1 } if what == "a"),
            "{error}"
        );
    }
}
