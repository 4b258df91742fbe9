//! Positions of patches: the learned table, the fixed sine-cosine table, positions in units of ground distance, and rotary
//! positions.

mod ground;
mod metadata;
mod resample;
mod rotary;
mod sin_cos;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::Interpolation;
use resample::resample;

pub use ground::GroundPositions;
pub use metadata::{METADATA, MetadataPositions};
pub use resample::resample_matrix;
pub use rotary::{Rotary, RotaryPositions};
pub use sin_cos::{sin_cos_1d, sin_cos_2d, sin_cos_3d};

pub(crate) use ground::single_precision_frequencies;

/// The positions of a model: rows of prefix tokens first, then the patch grid row by row.
#[derive(Module, Debug)]
pub enum PositionTable<B: Backend> {
    /// A trained table, `[1, rows, dim]`.
    Learned(Param<Tensor<B, 3>>),
    /// A constant table, `[1, rows, dim]`, one grid behind another for images of several frames: no optimiser sees it and no record stores it.
    Fixed(Tensor<B, 3>),
    /// No table: computed for the pixel size of the images and whatever grid they have.
    Ground(GroundPositions),
    /// No table: computed for the pixel size, and with numbers about time and place in it.
    Metadata(MetadataPositions),
    /// No table, and nothing added to tokens: queries and keys of every block are turned.
    Rotary(RotaryPositions),
}

impl<B: Backend> PositionTable<B> {
    /// The table, `[1, rows, dim]`; `None` when positions are computed for each grid or added to nothing.
    pub fn table(&self) -> Option<Tensor<B, 3>> {
        match self {
            Self::Learned(table) => Some(table.val()),
            Self::Fixed(table) => Some(table.clone()),
            Self::Ground(_) | Self::Metadata(_) | Self::Rotary(_) => None,
        }
    }

    /// The positions of `prefix` tokens (`[n, prefix, dim]`, `None` when there are none) and those of the patches
    /// (`[n, rows * columns, dim]`) on the grid `to`. A table made for the grid `from` is resampled when that differs
    /// (`[rows, columns]` each), frame by frame when it has rows for several. `n` is 1, or the number of images where each has a pixel size of its own. Rotary positions
    /// add nothing: zeros of width 1.
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
            Self::Ground(ground) => return behind_zeros(prefix, ground.rows(to, device)),
            Self::Metadata(metadata) => return behind_zeros(prefix, metadata.rows(to, device)),
            Self::Rotary(_) => {
                // Nothing is added: zeros that broadcast over the width of a token.
                return (None, Tensor::zeros([1, to[0] * to[1], 1], device));
            }
        };
        let total = table.dims()[1];
        let head = (prefix > 0).then(|| table.clone().narrow(1, 0, prefix));
        let patches = from[0] * from[1];
        let mut frames: Vec<_> = (prefix..total)
            .step_by(patches)
            .map(|start| resample(table.clone().narrow(1, start, patches), from, to, how))
            .collect();
        let rows = match frames.len() {
            1 => frames.remove(0),
            _ => Tensor::cat(frames, 1),
        };
        (head, rows)
    }
}

/// Positions of patches, and zeros for prefix tokens.
fn behind_zeros<B: Backend>(
    prefix: usize,
    patches: Tensor<B, 3>,
) -> (Option<Tensor<B, 3>>, Tensor<B, 3>) {
    let [images, _, dim] = patches.dims();
    let device = patches.device();
    let head = (prefix > 0).then(|| Tensor::zeros([images, prefix, dim], &device));
    (head, patches)
}
