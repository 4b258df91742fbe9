//! The control: one linear map per token, enlarged to pixels.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::probe::Standardiser;
use crate::{HeadError, LinearHead, LinearHeadConfig};

/// Settings of [`LinearMapHead`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearMapHeadConfig {
    /// Standard deviation of the initial weights, a normal cut off at two deviations; bias 0.
    pub init_std: f64,
}

impl Default for LinearMapHeadConfig {
    fn default() -> Self {
        Self { init_std: 0.02 }
    }
}

impl LinearMapHeadConfig {
    /// A seeded head over `maps` maps of `dim` channels, side by side; `standardiser` holds statistics of the `maps * dim` channels.
    ///
    /// # Errors
    /// As [`LinearHeadConfig::init`].
    pub fn init<B: Backend>(
        &self,
        dim: usize,
        maps: usize,
        classes: usize,
        standardiser: Option<&Standardiser>,
        seed: u64,
        device: &B::Device,
    ) -> Result<LinearMapHead<B>, HeadError> {
        let config = LinearHeadConfig {
            init_std: self.init_std,
            ..LinearHeadConfig::new(dim.saturating_mul(maps), classes)
        };
        Ok(LinearMapHead {
            tokens: config.init(standardiser, seed, device)?,
        })
    }
}

/// A linear classifier of every token: what the features say without a decoder.
#[derive(Module, Debug)]
pub struct LinearMapHead<B: Backend> {
    /// The map, applied to each token.
    pub tokens: LinearHead<B>,
}

impl<B: Backend> LinearMapHead<B> {
    /// Logits at the extent of the maps.
    ///
    /// # Shapes
    /// - `maps`: `[batch, dim, height, width]` each
    /// - result: `[batch, classes, height, width]`
    pub fn forward(&self, maps: Vec<Tensor<B, 4>>) -> Tensor<B, 4> {
        let maps = Tensor::cat(maps, 1);
        let [batch, channels, height, width] = maps.dims();
        let tokens = maps
            .permute([0, 2, 3, 1])
            .reshape([batch * height * width, channels]);
        let logits = self.tokens.forward(tokens);
        let classes = logits.dims()[1];
        logits
            .reshape([batch, height, width, classes])
            .permute([0, 3, 1, 2])
    }
}
