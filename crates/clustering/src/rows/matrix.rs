//! Rows in memory.

use super::RowSource;
use crate::error::InputError;
use crate::scalar::Scalar;

/// A borrowed table, `[rows, dim]` row-major.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    dim: usize,
}

impl<'a, T: Scalar> Matrix<'a, T> {
    /// `data` as rows of `dim` features.
    ///
    /// # Errors
    /// When there is no row or no feature, or when the length of `data` is not a multiple of `dim`.
    pub fn new(data: &'a [T], dim: usize) -> Result<Self, InputError> {
        if dim == 0 || data.is_empty() {
            return Err(InputError::Empty { rows: 0, dim });
        }
        if !data.len().is_multiple_of(dim) {
            return Err(InputError::Length {
                what: "the table",
                expected: format!("a multiple of {dim}, the number of features"),
                found: data.len(),
            });
        }
        Ok(Self { data, dim })
    }
}

impl<T: Scalar> RowSource<T> for Matrix<'_, T> {
    fn rows(&self) -> usize {
        self.data.len() / self.dim
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn read(&self, first: usize, out: &mut [T]) -> Result<(), InputError> {
        let start = first * self.dim;
        out.copy_from_slice(&self.data[start..start + out.len()]);
        Ok(())
    }

    fn resident(&self) -> Option<&[T]> {
        Some(self.data)
    }
}
