//! (IA)3 (Liu et al., Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning, NeurIPS 2022):
//! trained scales of keys, values and hidden activations.
//!
//! The outputs of a linear map, or of a part of the fused one, are multiplied by a vector, bias included; of a feed-forward map
//! it is the inputs, that is the activations behind the non-linearity (section 3.3). Vectors are one at the start.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};
use vit_backbone::{LinearSite, Seam, TokenEmbed, VitConfig, apply_linear};

use crate::config::invalid;
use crate::draw::ones;
use crate::error::PeftError;
use crate::merge::{Merged, columns_times, rows_times};
use crate::place::{Target, linear_dims};
use crate::targets::{resolve, resolve_whole};

/// The places of an (IA)3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ia3Config {
    /// The linear maps, or parts of the fused one, to scale, see [`crate::targets`]. Default: `qkv.k`, `qkv.v`, `fc2`, the places
    /// of the paper.
    pub targets: Vec<String>,
    /// Those among them whose inputs are scaled instead of the outputs. Default: `fc2`.
    pub feedforward: Vec<String>,
}

impl Default for Ia3Config {
    fn default() -> Self {
        Self {
            targets: ["qkv.k", "qkv.v", "fc2"].map(Into::into).into(),
            feedforward: vec!["fc2".into()],
        }
    }
}

/// One vector of an (IA)3, not yet built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ia3Place {
    /// What is scaled.
    pub target: Target,
    /// Whether it is the inputs.
    pub inputs: bool,
}

impl Ia3Place {
    /// Length of the vector.
    pub fn length(&self, config: &VitConfig) -> usize {
        if self.inputs {
            linear_dims(self.target.site.map, config).0
        } else {
            self.target.outputs(config).len()
        }
    }
}

impl Ia3Config {
    pub(crate) fn label(&self) -> String {
        format!("(IA)3 ({})", self.targets.join(", "))
    }

    pub(crate) fn validate(&self) -> Result<(), PeftError> {
        if self.targets.is_empty() {
            return Err(invalid("targets", "[]", "at least one pattern"));
        }
        Ok(())
    }

    /// Its vectors on a backbone of that configuration, in the order of the forward pass.
    ///
    /// # Errors
    /// [`PeftError::NoTarget`], [`PeftError::OverlappingTargets`]; [`PeftError::InvalidConfig`] for a feed-forward place that is no
    /// target or a part of a fused map.
    pub fn places(&self, config: &VitConfig) -> Result<Vec<Ia3Place>, PeftError> {
        self.validate()?;
        let targets = resolve("targets", &self.targets, config)?;
        let feedforward = resolve_whole("feedforward", &self.feedforward, config)?;
        let is_target = |site: &LinearSite| targets.contains(&Target::whole(*site));
        if let Some(other) = feedforward.iter().find(|site| !is_target(site)) {
            return Err(invalid(
                "feedforward",
                format!("`{other}`, which is no target"),
                "places that `targets` names too",
            ));
        }
        let place = |target: Target| Ia3Place {
            target,
            inputs: feedforward.contains(&target.site),
        };
        Ok(targets.into_iter().map(place).collect())
    }

    /// Scalars on top of the base's.
    pub(crate) fn count(&self, config: &VitConfig) -> Result<usize, PeftError> {
        let places = self.places(config)?;
        Ok(places.iter().map(|place| place.length(config)).sum())
    }
}

/// One trained vector.
#[derive(Module, Debug)]
pub struct Ia3Map<B: Backend> {
    /// The scale, `[inputs]` or `[outputs]`.
    pub scale: Param<Tensor<B, 1>>,
    /// What it scales.
    #[module(skip)]
    pub place: Ia3Place,
}

/// Trained scales.
#[derive(Module, Debug)]
pub struct Ia3<B: Backend> {
    /// The vectors, in the order of the forward pass.
    pub maps: Vec<Ia3Map<B>>,
    /// Width of a token, that is of one part of the fused map.
    pub(crate) dim: usize,
    /// Number of blocks of the backbone.
    pub(crate) depth: usize,
}

impl<B: Backend> Ia3<B> {
    /// Vectors of ones.
    ///
    /// # Errors
    /// What [`Ia3Config::places`] reports.
    pub fn init(
        ia3: &Ia3Config,
        config: &VitConfig,
        device: &B::Device,
    ) -> Result<Self, PeftError> {
        let map = |place: Ia3Place| Ia3Map {
            scale: ones(place.length(config), device),
            place,
        };
        let maps = ia3.places(config)?.into_iter().map(map).collect();
        Ok(Self::from_maps(maps, config))
    }

    /// An adapter of vectors that are already there.
    pub(crate) fn from_maps(maps: Vec<Ia3Map<B>>, config: &VitConfig) -> Self {
        Self {
            maps,
            dim: config.dim,
            depth: config.depth,
        }
    }

    /// The vector of a whole linear map, parts joined and ones where nothing is trained, and whether it scales the inputs.
    pub(crate) fn whole(&self, site: LinearSite) -> Option<(Tensor<B, 1>, bool)> {
        let maps: Vec<&Ia3Map<B>> = self
            .maps
            .iter()
            .filter(|map| map.place.target.site == site)
            .collect();
        let first = maps.first()?;
        if first.place.target.part.is_none() {
            return Some((first.scale.val(), first.place.inputs));
        }
        let device = first.scale.val().device();
        let thirds = (0..3).map(|third| {
            let own = maps
                .iter()
                .find(|map| map.place.target.part.map(|part| part as usize) == Some(third));
            own.map_or_else(|| Tensor::ones([self.dim], &device), |map| map.scale.val())
        });
        Some((Tensor::cat(thirds.collect(), 0), false))
    }

    pub(crate) fn merge_into(&self, merged: &mut Merged<B>) -> Result<(), PeftError> {
        for site in merged.vit.linear_sites() {
            match self.whole(site) {
                None => {}
                Some((scale, true)) => merged.weight(site, |weight| rows_times(weight, scale))?,
                Some((scale, false)) => {
                    merged.weight(site, |weight| columns_times(weight, scale.clone()))?;
                    merged.bias(site, |bias| bias.map(|bias| bias * scale))?;
                }
            }
        }
        Ok(())
    }
}

impl<B: Backend> Seam<B> for Ia3<B> {
    type State = ();

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, ()) {
        (base.forward(image), ())
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        match self.whole(site) {
            None => apply_linear(base, x),
            Some((scale, true)) => apply_linear(base, x * scale.unsqueeze()),
            Some((scale, false)) => apply_linear(base, x) * scale.unsqueeze(),
        }
    }
}
