//! Positions of patches: the learned table, the fixed sine-cosine table, and positions in units of ground distance.

mod ground;
mod resample;
mod sin_cos;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::Interpolation;
use resample::resample;

pub use ground::GroundPositions;
pub use resample::resample_matrix;
pub use sin_cos::{sin_cos_1d, sin_cos_2d};

/// The positions of a model: rows of prefix tokens first, then the patch grid row by row.
#[derive(Module, Debug)]
pub enum PositionTable<B: Backend> {
    /// A trained table, `[1, rows, dim]`.
    Learned(Param<Tensor<B, 3>>),
    /// A constant table, `[1, rows, dim]`: no optimiser sees it and no record stores it.
    Fixed(Tensor<B, 3>),
    /// No table: computed for the pixel size of the images and whatever grid they have.
    Ground(GroundPositions),
}

impl<B: Backend> PositionTable<B> {
    /// The table, `[1, rows, dim]`; `None` when positions are computed for each grid.
    pub fn table(&self) -> Option<Tensor<B, 3>> {
        match self {
            Self::Learned(table) => Some(table.val()),
            Self::Fixed(table) => Some(table.clone()),
            Self::Ground(_) => None,
        }
    }

    /// The positions of `prefix` tokens (`[n, prefix, dim]`, `None` when there are none) and those of the patches
    /// (`[n, rows * columns, dim]`) on the grid `to`. A table made for the grid `from` is resampled when that differs
    /// (`[rows, columns]` each). `n` is 1, or the number of images where each has a pixel size of its own.
    pub fn rows(
        &self,
        prefix: usize,
        from: [usize; 2],
        to: [usize; 2],
        how: Interpolation,
        device: &B::Device,
    ) -> (Option<Tensor<B, 3>>, Tensor<B, 3>) {
        let table = match self {
            Self::Learned(table) => table.val(),
            Self::Fixed(table) => table.clone(),
            Self::Ground(ground) => {
                let patches = ground.rows::<B>(to, device);
                let [images, _, dim] = patches.dims();
                let head = (prefix > 0).then(|| Tensor::zeros([images, prefix, dim], device));
                return (head, patches);
            }
        };
        let total = table.dims()[1];
        if prefix == 0 {
            return (None, resample(table, from, to, how));
        }
        let head = table.clone().narrow(1, 0, prefix);
        (
            Some(head),
            resample(table.narrow(1, prefix, total - prefix), from, to, how),
        )
    }
}
