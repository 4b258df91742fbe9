//! Maps of an adapted backbone, for heads that say something about every place.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use deflect::ImageStatistics;
use vit_backbone::{Seam, Vit, VitConfig, mean_over_groups, to_map};

/// How maps are taken from the backbone.
pub(crate) struct MapReadout {
    /// Blocks whose maps are read, rising.
    pub(crate) blocks: Vec<usize>,
    /// Whether each goes through the final norm.
    pub(crate) final_norm: bool,
    /// Side of a patch in pixels.
    pub(crate) patch: usize,
    /// Channel groups whose tokens stand behind one another.
    pub(crate) groups: usize,
    /// What the spectra say about every patch, put behind the channels of each map.
    pub(crate) spectra: Option<ImageStatistics>,
}

impl MapReadout {
    /// Channels of a map.
    pub(crate) fn dim(&self, config: &VitConfig) -> usize {
        // The statistics of an image are twice the numbers of a patch.
        config.dim + self.spectra.as_ref().map_or(0, |s| s.len() / 2)
    }

    /// Maps `[batch, dim, height / patch, width / patch]` of images `[batch, channels, height, width]`, and what the adapter carried
    /// through the blocks.
    pub(crate) fn maps<B: Backend, S: Seam<B>>(
        &self,
        base: &Vit<B>,
        seam: &S,
        images: Tensor<B, 4>,
    ) -> (Vec<Tensor<B, 4>>, S::State) {
        let [_, _, height, width] = images.dims();
        let grid = [height / self.patch, width / self.patch];
        let spectra = self
            .spectra
            .as_ref()
            .map(|s| to_map(s.patches(images.clone()), 0, grid));
        let (mut tokens, mut pass) = base.embed(images, seam);
        let prefix = base.prefix_tokens(seam);
        let mut maps = Vec::with_capacity(self.blocks.len());
        let mut done = 0;
        for &block in &self.blocks {
            tokens = base.run_blocks(tokens, &mut pass, done..block + 1, seam);
            done = block + 1;
            let read = if self.final_norm {
                base.final_norm(tokens.clone(), seam)
            } else {
                tokens.clone()
            };
            let map = to_map(mean_over_groups(read, prefix, self.groups), prefix, grid);
            maps.push(match &spectra {
                Some(spectra) => Tensor::cat(vec![map, spectra.clone()], 1),
                None => map,
            });
        }
        (maps, pass.state)
    }

    /// The map of the last of the blocks, as [`Self::maps`] has it.
    ///
    /// # Panics
    /// When no block is read.
    pub(crate) fn last_map<B: Backend, S: Seam<B>>(
        &self,
        base: &Vit<B>,
        seam: &S,
        images: Tensor<B, 4>,
    ) -> (Tensor<B, 4>, S::State) {
        let (mut maps, state) = self.maps(base, seam, images);
        (maps.swap_remove(maps.len() - 1), state)
    }
}
