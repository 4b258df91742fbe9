//! Where rows come from: a slice, or a file of which only blocks are in memory.

mod file;
mod header;
mod matrix;

pub use file::FileRows;
pub use matrix::Matrix;

use crate::error::InputError;
use crate::scalar::Scalar;

/// A table of `rows` rows with `dim` features each, read in pieces.
///
/// Every algorithm here takes its rows from a source, several threads at a time, and asks for a few hundred kilobytes per thread;
/// what does not fit into memory can be clustered from a file ([`FileRows`]).
pub trait RowSource<T: Scalar>: Sync {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Features per row.
    fn dim(&self) -> usize;

    /// Reads consecutive rows into `out`, `[rows, dim]` row-major; the length of `out` says how many.
    ///
    /// # Errors
    /// When the file cannot be read. Callers ask for rows that exist only.
    fn read(&self, first: usize, out: &mut [T]) -> Result<(), InputError>;

    /// All rows, `[rows, dim]` row-major, where they lie in memory anyway: they are then used in place.
    fn resident(&self) -> Option<&[T]> {
        None
    }

    /// Reads the given rows, in this order, into `out`, `[indices, dim]` row-major.
    ///
    /// # Errors
    /// As [`RowSource::read`].
    fn gather(&self, indices: &[usize], out: &mut [T]) -> Result<(), InputError> {
        for (&index, row) in indices.iter().zip(out.chunks_exact_mut(self.dim())) {
            self.read(index, row)?;
        }
        Ok(())
    }
}

impl<T: Scalar, S: RowSource<T> + ?Sized> RowSource<T> for &S {
    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn read(&self, first: usize, out: &mut [T]) -> Result<(), InputError> {
        (**self).read(first, out)
    }

    fn resident(&self) -> Option<&[T]> {
        (**self).resident()
    }

    fn gather(&self, indices: &[usize], out: &mut [T]) -> Result<(), InputError> {
        (**self).gather(indices, out)
    }
}
