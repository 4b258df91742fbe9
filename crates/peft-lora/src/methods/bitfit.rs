//! BitFit (Zaken et al., BitFit, ACL 2022): every bias vector, those of the LayerNorms and of the patch embedding included.

use std::fmt;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{LayerNorm, LinearSite, NormSite, Seam, TokenEmbed, Vit, apply_linear};

use crate::config::BitFitConfig;
use crate::merge::{Merged, frozen};
use crate::params::trainable;
use crate::peft_format::slot::Slot;

/// Where a bias vector stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BiasSite {
    /// The patch embedding.
    PatchEmbed,
    /// A linear map of a block.
    Linear(LinearSite),
    /// A LayerNorm, whose bias is called beta.
    Norm(NormSite),
}

impl BiasSite {
    /// Whether it is that of this linear map.
    pub(crate) fn is(self, site: LinearSite) -> bool {
        self == Self::Linear(site)
    }
}

impl fmt::Display for BiasSite {
    /// The module's name in a checkpoint; its bias is that name followed by `.bias`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PatchEmbed => f.write_str("patch_embed.proj"),
            Self::Linear(site) => site.fmt(f),
            Self::Norm(site) => site.fmt(f),
        }
    }
}

/// One trained bias vector and its place.
#[derive(Module, Debug)]
pub struct SiteBias<B: Backend> {
    /// `[outputs]`.
    pub bias: Param<Tensor<B, 1>>,
    /// Where it stands.
    #[module(skip)]
    pub site: BiasSite,
}

/// A trainable copy of every bias vector the configuration asks for.
#[derive(Module, Debug)]
pub struct BitFit<B: Backend> {
    /// The copies: patch embedding, then the linear maps, then the norms, each in the order of the forward pass.
    pub biases: Vec<SiteBias<B>>,
}

impl<B: Backend> BitFit<B> {
    /// Trainable copies of the biases of `base` that share nothing with it. Maps without a bias get none.
    pub fn copy_of(base: &Vit<B>, config: &BitFitConfig) -> Self {
        let patch = config.patch_embed.then_some(BiasSite::PatchEmbed);
        let linears = base.linear_sites().into_iter().map(BiasSite::Linear);
        let norms = base
            .norm_sites()
            .into_iter()
            .filter(|_| config.norms)
            .map(BiasSite::Norm);
        Self::of_sites(base, patch.into_iter().chain(linears).chain(norms))
    }

    /// Trainable copies of the biases of `base` at some places.
    pub(crate) fn of_sites(base: &Vit<B>, sites: impl IntoIterator<Item = BiasSite>) -> Self {
        let copy = |site| {
            Some(SiteBias {
                bias: trainable(base_bias(base, site)?.val()),
                site,
            })
        };
        Self {
            biases: sites.into_iter().filter_map(copy).collect(),
        }
    }

    /// The linear map with the bias trained for that place, if there is one.
    pub(crate) fn with_own(&self, site: LinearSite, base: &Linear<B>) -> Linear<B> {
        let own = self.at(BiasSite::Linear(site)).cloned();
        Linear {
            weight: base.weight.clone(),
            bias: own.or_else(|| base.bias.clone()),
        }
    }

    pub(crate) fn slots(&mut self) -> Vec<Slot<'_, B>> {
        self.biases
            .iter_mut()
            .map(|own| Slot::vector(format!("{}.bias", own.site), &mut own.bias))
            .collect()
    }

    pub(crate) fn merge_into(&self, merged: &mut Merged<B>) {
        for own in &self.biases {
            let bias = Some(frozen(own.bias.val()));
            match own.site {
                BiasSite::PatchEmbed => merged.vit.embed.proj.bias = bias,
                BiasSite::Linear(site) => merged.vit.linear_mut(site).bias = bias,
                BiasSite::Norm(site) => {
                    if let Some(norm) = merged.vit.norm_layer_mut(site) {
                        norm.beta = bias;
                    }
                }
            }
        }
    }

    /// The trained bias at that place.
    pub fn at(&self, site: BiasSite) -> Option<&Param<Tensor<B, 1>>> {
        self.biases.iter().find(|b| b.site == site).map(|b| &b.bias)
    }
}

/// The base's own bias at a place, if there is one.
pub(crate) fn base_bias<B: Backend>(base: &Vit<B>, site: BiasSite) -> Option<&Param<Tensor<B, 1>>> {
    match site {
        BiasSite::PatchEmbed => base.embed.proj.bias.as_ref(),
        BiasSite::Linear(site) => base.linear(site).bias.as_ref(),
        BiasSite::Norm(site) => base.norm_layer(site)?.beta.as_ref(),
    }
}

impl<B: Backend> Seam<B> for BitFit<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        let Some(bias) = self.at(BiasSite::PatchEmbed) else {
            return (base.forward(image), ());
        };
        // Cloning a module copies handles, not values.
        let mut embed = base.clone();
        embed.proj.bias = Some(bias.clone());
        (embed.forward(image), ())
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        apply_linear(&self.with_own(site, base), x)
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        match self.at(BiasSite::Norm(site)) {
            None => base.forward(x),
            Some(bias) => {
                let mut own = base.clone();
                own.beta = Some(bias.clone());
                own.forward(x)
            }
        }
    }
}
