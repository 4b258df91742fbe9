//! Either head behind one type, with logits for every pixel of the image.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use super::{LinearMapHead, LinearMapHeadConfig, UperNet, UperNetConfig, bilinear};
use crate::HeadError;
use crate::probe::Standardiser;

/// Which head, and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SegmentationHeadConfig {
    /// UPerNet over four maps.
    Upernet(UperNetConfig),
    /// A linear map of every token.
    Linear(LinearMapHeadConfig),
}

impl SegmentationHeadConfig {
    /// A seeded head over `maps` maps of `dim` channels. Only the linear head standardises.
    ///
    /// # Errors
    /// What the head's own `init` gives; [`HeadError::Setting`] for another number of maps than four under UPerNet.
    pub fn init<B: Backend>(
        &self,
        dim: usize,
        maps: usize,
        classes: usize,
        standardiser: Option<&Standardiser>,
        seed: u64,
        device: &B::Device,
    ) -> Result<SegmentationHead<B>, HeadError> {
        match self {
            Self::Upernet(config) => {
                if maps != 4 {
                    return Err(HeadError::Setting {
                        name: "maps",
                        value: maps.to_string(),
                        allowed: "4 under UPerNet, from shallow to deep".into(),
                    });
                }
                let head = config.init(dim, classes, seed, device)?;
                Ok(SegmentationHead::Upernet(head))
            }
            Self::Linear(config) => {
                let head = config.init(dim, maps, classes, standardiser, seed, device)?;
                Ok(SegmentationHead::Linear(head))
            }
        }
    }

    /// How many numbers are trained, without building the head.
    pub fn count(&self, dim: usize, maps: usize, classes: usize) -> usize {
        match self {
            Self::Upernet(config) => config.count(dim, classes),
            Self::Linear(_) => (dim * maps + 1) * classes,
        }
    }

    /// Whether the head is given statistics to standardise with.
    pub fn standardises(&self) -> bool {
        matches!(self, Self::Linear(_))
    }
}

/// A head that gives a class per pixel.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One head per model: the unused bytes do not matter, a box would be no module.
pub enum SegmentationHead<B: Backend> {
    /// UPerNet.
    Upernet(UperNet<B>),
    /// A linear map of every token.
    Linear(LinearMapHead<B>),
}

impl<B: Backend> SegmentationHead<B> {
    /// Logits for every pixel, resized bilinearly from the head's own extent.
    ///
    /// # Shapes
    /// - `maps`: `[batch, dim, height, width]` each, as many as the head was made for
    /// - result: `[batch, classes, size[0], size[1]]`
    ///
    /// # Panics
    /// If UPerNet is not given four maps.
    pub fn forward(&self, maps: Vec<Tensor<B, 4>>, size: [usize; 2]) -> Tensor<B, 4> {
        let logits = match self {
            Self::Upernet(head) => match <[Tensor<B, 4>; 4]>::try_from(maps) {
                Ok(maps) => head.forward(maps),
                Err(maps) => panic!("UPerNet reads four maps, not {}", maps.len()),
            },
            Self::Linear(head) => head.forward(maps),
        };
        bilinear(logits, size)
    }
}
