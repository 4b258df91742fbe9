//! Rows of a source, projected as they are read.

use super::Pca;
use crate::error::{InputError, reserve};
use crate::rows::RowSource;
use crate::scalar::Scalar;

/// Rows of a source on the directions of a [`Pca`]: see [`Pca::over`].
#[derive(Debug, Clone)]
pub struct Projected<'a, S> {
    pca: &'a Pca,
    source: S,
}

impl Pca {
    /// A source that gives the rows of another one projected, block by block.
    ///
    /// # Errors
    /// When the source has another number of features.
    pub fn over<T: Scalar, S: RowSource<T>>(
        &self,
        source: S,
    ) -> Result<Projected<'_, S>, InputError> {
        if source.dim() != self.mean().len() {
            return Err(InputError::Dimension {
                expected: self.mean().len(),
                found: source.dim(),
            });
        }
        Ok(Projected { pca: self, source })
    }
}

impl<T: Scalar, S: RowSource<T>> RowSource<T> for Projected<'_, S> {
    fn rows(&self) -> usize {
        self.source.rows()
    }

    fn dim(&self) -> usize {
        self.pca.explained_variance().len()
    }

    fn read(&self, first: usize, out: &mut [T]) -> Result<(), InputError> {
        let count = out.len() / self.dim();
        let mut rows = reserve(
            "a block of rows",
            count.checked_mul(self.source.dim()),
            T::default(),
            "use fewer features",
        )?;
        self.source.read(first, &mut rows)?;
        out.copy_from_slice(&self.pca.transform(&rows)?);
        Ok(())
    }
}
