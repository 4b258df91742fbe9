//! Norm tuning (Zhao et al., Tuning LayerNorm in Attention, ICLR 2024): gain and bias of every LayerNorm.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{LayerNorm, NormSite, Seam, TokenEmbed, Vit};

use crate::merge::Merged;
use crate::params::{frozen_copy, trainable_copy};
use crate::peft_format::slot::Slot;

/// A trainable copy of every LayerNorm of the backbone, the final one included.
#[derive(Module, Debug)]
pub struct NormTuning<B: Backend> {
    /// The copies, in the order of the forward pass.
    pub norms: Vec<LayerNorm<B>>,
    /// Where each of them stands.
    #[module(skip)]
    pub sites: Vec<NormSite>,
}

impl<B: Backend> NormTuning<B> {
    /// Trainable copies of the norms of `base` that share nothing with it.
    pub fn copy_of(base: &Vit<B>) -> Self {
        let (sites, norms) = base
            .norm_sites()
            .into_iter()
            .filter_map(|site| Some((site, trainable_copy(base.norm_layer(site)?))))
            .unzip();
        Self { norms, sites }
    }

    /// The copy of the norm at that place.
    pub fn at(&self, site: NormSite) -> Option<&LayerNorm<B>> {
        let index = self.sites.iter().position(|s| *s == site)?;
        self.norms.get(index)
    }

    /// `blocks.0.norm1.ln_tuning_layers.weight` and `.bias`, the names PEFT gives them.
    pub(crate) fn slots(&mut self) -> Vec<Slot<'_, B>> {
        let pairs = self.sites.iter().zip(&mut self.norms);
        pairs
            .flat_map(|(site, norm)| Slot::norm(&format!("{site}.ln_tuning_layers"), norm))
            .collect()
    }

    pub(crate) fn merge_into(&self, merged: &mut Merged<B>) {
        for (site, norm) in self.sites.iter().zip(&self.norms) {
            if let Some(place) = merged.vit.norm_layer_mut(*site) {
                *place = frozen_copy::<B, _>(norm);
            }
        }
    }
}

impl<B: Backend> Seam<B> for NormTuning<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.at(site).unwrap_or(base).forward(x)
    }
}
