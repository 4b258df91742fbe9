//! From batches to a matrix of features.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::{BoxError, TrainError};

/// Features on the host, row-major `[rows, dim]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureMatrix {
    /// Number of rows.
    pub rows: usize,
    /// Features per row.
    pub dim: usize,
    /// All values.
    pub values: Vec<f32>,
}

impl FeatureMatrix {
    /// One row; `index` must be below `rows`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }

    /// The rows `indices`, in that order; every index must be below `rows`.
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut values = Vec::with_capacity(indices.len() * self.dim);
        for &index in indices {
            values.extend_from_slice(self.row(index));
        }
        Self {
            rows: indices.len(),
            dim: self.dim,
            values,
        }
    }
}

/// Runs `features` over `batches` and gathers `rows` rows.
///
/// Memory is one batch on the device and the matrix on the host; the matrix may take at most `max_bytes`, which is
/// checked as soon as the first batch tells the dimension. Run it on the inner backend: without gradients no graph
/// is kept.
///
/// # Shapes
/// - `features` gives `[batch, dim]`, the same `dim` for every batch.
///
/// # Errors
/// A batch or extractor that fails, another number of rows or a changing dimension, a matrix above `max_bytes`, a feature
/// that is not finite.
pub fn extract<B, X>(
    batches: impl IntoIterator<Item = Result<X, BoxError>>,
    rows: usize,
    max_bytes: usize,
    mut features: impl FnMut(X) -> Result<Tensor<B, 2>, BoxError>,
) -> Result<FeatureMatrix, TrainError>
where
    B: Backend,
{
    let mut out = FeatureMatrix::default();
    for (index, batch) in batches.into_iter().enumerate() {
        let failed = |what| {
            move |source| TrainError::Caller {
                what,
                epoch: 0,
                batch: index,
                source,
            }
        };
        let batch = batch.map_err(failed("the batch source"))?;
        let tensor = features(batch).map_err(failed("the feature extractor"))?;
        let [count, dim] = tensor.dims();
        let shape = |what, expected, found| TrainError::FeatureShape {
            what,
            expected,
            found,
        };
        if index == 0 {
            let bytes = rows.saturating_mul(dim).saturating_mul(4);
            if bytes > max_bytes {
                return Err(shape("a size in bytes of", max_bytes, bytes));
            }
            out.dim = dim;
            out.values.reserve_exact(rows * dim);
        }
        if dim != out.dim {
            return Err(shape("dimension", out.dim, dim));
        }
        if out.rows + count > rows {
            return Err(shape("rows", rows, out.rows + count));
        }
        let start = out.values.len();
        out.values.extend(tensor.into_data().iter::<f32>());
        if let Some(at) = out.values[start..].iter().position(|v| !v.is_finite()) {
            return Err(TrainError::NonFiniteFeature {
                row: out.rows + at / dim,
                column: at % dim,
            });
        }
        out.rows += count;
    }
    if out.rows != rows {
        return Err(TrainError::FeatureShape {
            what: "rows",
            expected: rows,
            found: out.rows,
        });
    }
    Ok(out)
}
