//! Labels of a batch, checked on the host before they reach a device.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

/// Checked labels of one batch with their weights, made by [`CrossEntropy::targets`](super::CrossEntropy::targets).
///
/// A label outside the class list would read past the end of a row on some devices, so the check is not optional.
#[derive(Debug, Clone)]
pub struct Targets<B: Backend> {
    /// Class of each row, `[rows]`; 0 where ignored.
    pub(super) index: Tensor<B, 1, Int>,
    /// Class weight of each row's label, `[rows]`; 0 where ignored.
    pub(super) weight: Tensor<B, 1>,
    /// 1 where the row counts, 0 where it is ignored, `[rows]`.
    pub(super) counted: Tensor<B, 1>,
    total: f64,
    rows: usize,
    ignored: usize,
}

impl<B: Backend> Targets<B> {
    pub(super) fn new(
        index: Vec<i32>,
        weight: Vec<f32>,
        counted: Vec<f32>,
        device: &B::Device,
    ) -> Self {
        let rows = index.len();
        // The host sums in f64: the divisor of the mean must not lose small weights.
        let total = weight.iter().map(|w| f64::from(*w)).sum();
        let ignored = counted.iter().filter(|c| **c == 0.0).count();
        Self {
            index: Tensor::from_data(TensorData::new(index, [rows]), device),
            weight: Tensor::from_data(TensorData::new(weight, [rows]), device),
            counted: Tensor::from_data(TensorData::new(counted, [rows]), device),
            total,
            rows,
            ignored,
        }
    }

    /// Sum of the weights of the counted rows: the divisor of the mean loss, and the weight with which this batch
    /// enters a mean over several batches.
    pub fn total_weight(&self) -> f64 {
        self.total
    }

    /// The number of rows, ignored ones included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of ignored rows.
    pub fn ignored(&self) -> usize {
        self.ignored
    }
}
