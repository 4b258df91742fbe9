//! Pyramid and FCOS as one module.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use super::{FcosOutput, RotatedFcos, RotatedFcosConfig, SimplePyramid, SimplePyramidConfig};
use crate::HeadError;
use crate::segmentation::NamedArray;
use crate::segmentation::arrays::{arrays_of, with_arrays};
use crate::segmentation::weights::Draw;

/// Settings of [`DetectionHead`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionHeadConfig {
    /// From one map to several.
    pub pyramid: SimplePyramidConfig,
    /// From maps to classes and boxes.
    pub fcos: RotatedFcosConfig,
}

impl DetectionHeadConfig {
    /// A seeded head over a map of `dim` channels whose places are `patch` pixels apart. Weights are drawn on the host, so a seed gives the same head on every
    /// backend.
    ///
    /// # Errors
    /// [`HeadError::Setting`] for a number out of range.
    pub fn init<B: Backend>(
        &self,
        dim: usize,
        patch: usize,
        classes: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<DetectionHead<B>, HeadError> {
        let strides = self.pyramid.strides(patch)?;
        let mut draw = Draw::new(seed, device);
        let pyramid = self.pyramid.init(dim, &mut draw)?;
        let fcos = self
            .fcos
            .init(self.pyramid.channels, classes, &strides, &mut draw)?;
        Ok(DetectionHead { pyramid, fcos })
    }
}

/// From the last map of a backbone to classes and oriented boxes.
#[derive(Module, Debug)]
pub struct DetectionHead<B: Backend> {
    /// From one map to several.
    pub pyramid: SimplePyramid<B>,
    /// From maps to classes and boxes.
    pub fcos: RotatedFcos<B>,
}

impl<B: Backend> DetectionHead<B> {
    /// Outputs for a map `[batch, dim, height, width]`.
    pub fn forward(&self, map: Tensor<B, 4>) -> FcosOutput<B> {
        self.fcos.forward(self.pyramid.forward(map))
    }

    /// All numbers of the head in a fixed order.
    pub fn to_arrays(&self) -> Vec<NamedArray> {
        arrays_of(self)
    }

    /// The head with these numbers.
    ///
    /// # Errors
    /// [`HeadError::Array`] for a name that is missing or unknown, or another shape; nothing is changed then.
    pub fn with_arrays(self, arrays: Vec<NamedArray>) -> Result<Self, HeadError> {
        with_arrays(self, arrays)
    }
}
