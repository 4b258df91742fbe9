//! Batches as burn tensors (feature `burn`).

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use crate::{Batch, DataError};

/// Images `[batch, bands, rows, columns]` and class indices `[batch]`.
///
/// # Errors
/// [`DataError::Shape`] when the samples have no class per image; use [`image_tensor`] and [`mask_tensor`] for those.
pub fn to_tensors<B: Backend>(
    batch: &Batch,
    device: &B::Device,
) -> Result<(Tensor<B, 4>, Tensor<B, 1, Int>), DataError> {
    if batch.labels.len() != batch.len() {
        return Err(DataError::Shape {
            expected: "one class per sample".into(),
            found: format!("{} classes for {} samples", batch.labels.len(), batch.len()),
        });
    }
    let labels: Vec<i64> = batch.labels.iter().map(|&class| class as i64).collect();
    let labels = Tensor::from_data(TensorData::new(labels, [batch.len()]), device);
    Ok((image_tensor(batch, device), labels))
}

/// Images `[batch, bands, rows, columns]`.
pub fn image_tensor<B: Backend>(batch: &Batch, device: &B::Device) -> Tensor<B, 4> {
    Tensor::from_data(TensorData::new(batch.images.clone(), batch.shape), device)
}

/// Class indices per pixel `[batch, rows, columns]`, -1 where they are to be ignored.
///
/// # Errors
/// [`DataError::Shape`] when the samples have no label masks.
pub fn mask_tensor<B: Backend>(
    batch: &Batch,
    device: &B::Device,
) -> Result<Tensor<B, 3, Int>, DataError> {
    let masks = batch.masks.as_ref().ok_or_else(|| DataError::Shape {
        expected: "one label mask per sample".into(),
        found: "none".into(),
    })?;
    let [samples, _, height, width] = batch.shape;
    Ok(Tensor::from_data(
        TensorData::new(masks.clone(), [samples, height, width]),
        device,
    ))
}
