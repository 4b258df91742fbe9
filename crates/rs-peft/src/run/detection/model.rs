//! What is trained, as one module, and how the map is taken from the backbone.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use heads::DetectionHead;
use vit_backbone::{Seam, Vit, mean_over_groups, to_map};

use crate::run::InputAdapter;

/// Adapter and head.
#[derive(Module, Debug)]
pub(super) struct Detector<B: Backend> {
    /// Everything that acts inside the backbone.
    pub adapter: InputAdapter<B>,
    /// A map to classes and boxes.
    pub head: DetectionHead<B>,
}

/// How the map is taken from the backbone.
pub(super) struct MapReadout {
    /// The block whose map is read.
    pub(super) block: usize,
    /// Whether it goes through the final norm.
    pub(super) final_norm: bool,
    /// Side of a patch in pixels.
    pub(super) patch: usize,
    /// Channel groups whose tokens stand behind one another.
    pub(super) groups: usize,
}

impl MapReadout {
    /// The map `[batch, dim, height / patch, width / patch]` of images `[batch, channels, height, width]`, and what the adapter carried through the
    /// blocks.
    pub(super) fn map<B: Backend, S: Seam<B>>(
        &self,
        base: &Vit<B>,
        seam: &S,
        images: Tensor<B, 4>,
    ) -> (Tensor<B, 4>, S::State) {
        let [_, _, height, width] = images.dims();
        let grid = [height / self.patch, width / self.patch];
        let (tokens, mut pass) = base.embed(images, seam);
        let prefix = base.prefix_tokens(seam);
        let mut tokens = base.run_blocks(tokens, &mut pass, 0..self.block + 1, seam);
        if self.final_norm {
            tokens = base.final_norm(tokens, seam);
        }
        let tokens = mean_over_groups(tokens, prefix, self.groups);
        (to_map(tokens, prefix, grid), pass.state)
    }
}
