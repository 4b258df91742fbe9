//! Places in a backbone that a method can act on: linear maps, and the three parts of the fused one.

use std::fmt;
use std::ops::Range;

use vit_backbone::{LinearMap, LinearSite, VitConfig};

/// One third of the fused map's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QkvPart {
    /// The queries.
    Q,
    /// The keys.
    K,
    /// The values.
    V,
}

impl QkvPart {
    /// The three parts in the order of their outputs.
    pub const ALL: [Self; 3] = [Self::Q, Self::K, Self::V];

    /// `q`, `k` or `v`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q => "q",
            Self::K => "k",
            Self::V => "v",
        }
    }
}

/// A linear map, or a part of a fused one, that a method acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The linear map.
    pub site: LinearSite,
    /// The part of it, or `None` for all of it. Only the fused qkv map has parts.
    pub part: Option<QkvPart>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            None => write!(f, "{}", self.site),
            Some(part) => write!(f, "{}.{}", self.site, part.name()),
        }
    }
}

impl Target {
    /// The whole of a linear map.
    pub fn whole(site: LinearSite) -> Self {
        Self { site, part: None }
    }

    /// The outputs of the linear map that this target covers.
    pub fn outputs(&self, config: &VitConfig) -> Range<usize> {
        match self.part {
            None => 0..linear_dims(self.site.map, config).1,
            Some(part) => {
                let start = part as usize * config.dim;
                start..start + config.dim
            }
        }
    }
}

/// Inputs and outputs of a linear map.
pub fn linear_dims(map: LinearMap, config: &VitConfig) -> (usize, usize) {
    match map {
        LinearMap::Qkv => (config.dim, 3 * config.dim),
        LinearMap::Proj => (config.dim, config.dim),
        LinearMap::Fc1 => (config.dim, config.mlp_dim),
        LinearMap::Fc2 => (config.mlp_inner(), config.dim),
    }
}

/// Number of LayerNorms of a backbone.
pub(crate) fn norm_count(config: &VitConfig) -> usize {
    2 * config.depth + usize::from(config.final_norm) + usize::from(config.pre_norm)
}
