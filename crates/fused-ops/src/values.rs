//! Flex's tensors as slices of numbers, and back.

use burn::tensor::TensorData;
use burn_flex::FlexTensor;

/// The numbers of a tensor; a copy only when they are not contiguous.
pub(crate) fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor.clone(),
        None => tensor.to_contiguous(),
    }
}

/// The numbers of a tensor from [`contiguous`].
pub(crate) fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice()
        .expect("made contiguous and checked to be f32")
}

/// A tensor of new numbers.
pub(crate) fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Rows and columns of a tensor seen as a matrix: all axes but the last, and the last.
pub(crate) fn rows_columns(tensor: &FlexTensor) -> (usize, usize) {
    let shape = tensor.layout().shape();
    let columns = shape[shape.num_dims() - 1];
    (shape.num_elements() / columns.max(1), columns)
}

/// The axes of a tensor.
pub(crate) fn shape(tensor: &FlexTensor) -> Vec<usize> {
    tensor.layout().shape().to_vec()
}
