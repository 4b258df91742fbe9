//! UPerNet over maps of a plain ViT.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Tensor};
use serde::{Deserialize, Serialize};

use super::conv::conv_block_count as block;
use super::pyramid::pyramid_count;
use super::weights::Draw;
use super::{ConvBlock, FeaturePyramid, adaptive_average_pool, bilinear};
use crate::HeadError;

/// Settings of [`UperNet`]; the defaults are those of the PANGAEA benchmark and of mmsegmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UperNetConfig {
    /// Channels of every stage.
    pub channels: usize,
    /// Sides of the pooled maps.
    pub pool_scales: Vec<usize>,
    /// Probability with which a channel is left out before the classifier, while training.
    pub dropout: f64,
}

impl Default for UperNetConfig {
    fn default() -> Self {
        Self {
            channels: 512,
            pool_scales: vec![1, 2, 3, 6],
            dropout: 0.1,
        }
    }
}

/// Standard deviation of the classifier's initial weights (mmsegmentation).
const CLASSIFIER_STD: f64 = 0.01;
/// Above every useful number of channels or side of a pooled map, below what exhausts memory.
const LARGEST: usize = 4096;

impl UperNetConfig {
    /// A seeded head over four maps of `dim` channels.
    ///
    /// # Errors
    /// [`HeadError::Setting`] for no channel, class or scale, numbers above 4096, or a probability outside `[0, 1)`.
    pub fn init<B: Backend>(
        &self,
        dim: usize,
        classes: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<UperNet<B>, HeadError> {
        self.validate(dim, classes)?;
        let mut draw = Draw::<B>::new(seed, device);
        let draw = &mut draw;
        let (channels, scales) = (self.channels, self.pool_scales.len());
        Ok(UperNet {
            pyramid: FeaturePyramid::new(dim, draw),
            pooled: (0..scales)
                .map(|_| ConvBlock::new(dim, channels, 1, draw))
                .collect(),
            bottleneck: ConvBlock::new(dim + scales * channels, channels, 3, draw),
            laterals: (0..3)
                .map(|_| ConvBlock::new(dim, channels, 1, draw))
                .collect(),
            outputs: (0..3)
                .map(|_| ConvBlock::new(channels, channels, 3, draw))
                .collect(),
            fusion: ConvBlock::new(4 * channels, channels, 3, draw),
            classifier: draw.classifier(channels, classes, CLASSIFIER_STD),
            pool_scales: self.pool_scales.clone(),
            dropout: self.dropout,
        })
    }

    /// How many numbers are trained, without building the head.
    pub fn count(&self, dim: usize, classes: usize) -> usize {
        let (channels, scales) = (self.channels, self.pool_scales.len());
        pyramid_count(dim)
            + scales * block(dim, channels, 1)
            + block(dim + scales * channels, channels, 3)
            + 3 * (block(dim, channels, 1) + block(channels, channels, 3))
            + block(4 * channels, channels, 3)
            + (channels + 1) * classes
    }

    fn validate(&self, dim: usize, classes: usize) -> Result<(), HeadError> {
        let numbers = [
            ("dim", dim),
            ("classes", classes),
            ("channels", self.channels),
        ];
        let scales = self.pool_scales.iter().map(|&scale| ("pool_scales", scale));
        for (name, value) in numbers.into_iter().chain(scales) {
            if !(1..=LARGEST).contains(&value) {
                return Err(HeadError::Setting {
                    name,
                    value: value.to_string(),
                    allowed: format!("from 1 to {LARGEST}"),
                });
            }
        }
        if self.pool_scales.is_empty() || self.pool_scales.len() > 16 {
            return Err(HeadError::Setting {
                name: "pool_scales",
                value: format!("{:?}", self.pool_scales),
                allowed: "1 to 16 sides".into(),
            });
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(HeadError::Setting {
                name: "dropout",
                value: self.dropout.to_string(),
                allowed: "from 0 to below 1".into(),
            });
        }
        Ok(())
    }
}

/// UPerNet (Xiao et al. 2018): pyramid pooling of the deepest map (Zhao et al. 2017), a feature pyramid network over four maps (Lin
/// et al. 2017), all levels fused at the largest one, a pixel-wise classifier. A ViT's four maps, which have one extent, first become
/// a pyramid.
#[derive(Module, Debug)]
pub struct UperNet<B: Backend> {
    /// Four maps to four extents.
    pub pyramid: FeaturePyramid<B>,
    /// One pixel-wise block per pooled map.
    pub pooled: Vec<ConvBlock<B>>,
    /// Over the deepest map and its pooled maps.
    pub bottleneck: ConvBlock<B>,
    /// One pixel-wise block for each of the other three maps.
    pub laterals: Vec<ConvBlock<B>>,
    /// One block per level behind the top-down sums.
    pub outputs: Vec<ConvBlock<B>>,
    /// Over all levels.
    pub fusion: ConvBlock<B>,
    /// Channels to classes.
    pub classifier: Conv2d<B>,
    pool_scales: Vec<usize>,
    dropout: f64,
}

impl<B: Backend> UperNet<B> {
    /// Logits at four times the extent of the maps.
    ///
    /// # Shapes
    /// - `maps`: four times `[batch, dim, height, width]`, shallow to deep, height and width at least 2
    /// - result: `[batch, classes, 4 height, 4 width]`
    pub fn forward(&self, maps: [Tensor<B, 4>; 4]) -> Tensor<B, 4> {
        let [first, second, third, deepest] = self.pyramid.forward(maps);
        // Top down: every level gets what the deeper ones say, enlarged.
        let mut above = self.pool(deepest);
        let mut levels = vec![above.clone()];
        for (place, map) in [third, second, first].into_iter().enumerate() {
            let size = extent(&map);
            above = self.laterals[2 - place].forward(map) + bilinear(above, size);
            levels.push(self.outputs[2 - place].forward(above.clone()));
        }
        // Shallow first, as the published weights expect them.
        levels.reverse();
        let size = extent(&levels[0]);
        let levels = levels.into_iter().map(|level| bilinear(level, size));
        let fused = self.fusion.forward(Tensor::cat(levels.collect(), 1));
        self.classifier.forward(self.drop_channels(fused))
    }

    /// Pyramid pooling.
    fn pool(&self, deepest: Tensor<B, 4>) -> Tensor<B, 4> {
        let size = extent(&deepest);
        let mut parts = vec![deepest.clone()];
        for (block, &scale) in self.pooled.iter().zip(&self.pool_scales) {
            let small = adaptive_average_pool(deepest.clone(), [scale, scale]);
            parts.push(bilinear(block.forward(small), size));
        }
        self.bottleneck.forward(Tensor::cat(parts, 1))
    }

    /// Leaves whole channels out while training (Tompson et al. 2015) and scales the others up.
    fn drop_channels(&self, maps: Tensor<B, 4>) -> Tensor<B, 4> {
        if self.dropout == 0.0 || !B::ad_enabled(&maps.device()) {
            return maps;
        }
        let [batch, channels, ..] = maps.dims();
        let keep = 1.0 - self.dropout;
        let kept = Tensor::<B, 4>::random(
            [batch, channels, 1, 1],
            Distribution::Bernoulli(keep),
            &maps.device(),
        );
        maps * kept / keep
    }
}

fn extent<B: Backend>(maps: &Tensor<B, 4>) -> [usize; 2] {
    let [_, _, height, width] = maps.dims();
    [height, width]
}
