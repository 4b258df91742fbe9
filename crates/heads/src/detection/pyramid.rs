//! Maps of several extents from one: the simple feature pyramid of ViTDet.

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, ConvTranspose2d, ConvTranspose2dConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::module::max_pool2d;
use serde::{Deserialize, Serialize};

use super::ChannelNorm;
use super::norm::gelu;
use crate::HeadError;
use crate::segmentation::weights::Draw;

/// Extent of a level relative to the backbone's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PyramidScale {
    /// Four times: two transposed convolutions with a norm and GELU between them; the channels fall to a quarter.
    Quadruple,
    /// Twice: one transposed convolution; the channels fall to a half.
    Double,
    /// As it is.
    Same,
    /// Half: maximum over two by two places.
    Half,
}

impl PyramidScale {
    /// Pixels between two places of this level when those of the backbone's map are `patch` pixels apart; `None` when that is no whole number.
    pub fn stride(self, patch: usize) -> Option<usize> {
        match self {
            Self::Quadruple => patch.is_multiple_of(4).then_some(patch / 4),
            Self::Double => patch.is_multiple_of(2).then_some(patch / 2),
            Self::Same => Some(patch),
            Self::Half => patch.checked_mul(2),
        }
    }

    fn channels(self, dim: usize) -> usize {
        match self {
            Self::Quadruple => dim / 4,
            Self::Double => dim / 2,
            Self::Same | Self::Half => dim,
        }
    }
}

/// Coarser levels behind the pyramid, each half as large as the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExtraLevels {
    /// None.
    #[default]
    None,
    /// Every second place of the level before (ViTDet has one such level).
    Pool {
        /// How many.
        levels: usize,
    },
    /// Convolutions of three by three with stride 2, a ReLU in front of all but the first (FCOS and RetinaNet have two).
    Convolution {
        /// How many.
        levels: usize,
    },
}

impl ExtraLevels {
    fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::Pool { levels } | Self::Convolution { levels } => levels,
        }
    }
}

/// Settings of [`SimplePyramid`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimplePyramidConfig {
    /// Levels, from fine to coarse; the default is ViTDet's, strides 4, 8, 16 and 32 for patches of 16 pixels.
    pub scales: Vec<PyramidScale>,
    /// Channels of every level; 256 in ViTDet.
    pub channels: usize,
    /// Coarser levels.
    pub extra: ExtraLevels,
}

impl Default for SimplePyramidConfig {
    fn default() -> Self {
        Self {
            scales: vec![
                PyramidScale::Quadruple,
                PyramidScale::Double,
                PyramidScale::Same,
                PyramidScale::Half,
            ],
            channels: 256,
            extra: ExtraLevels::Pool { levels: 1 },
        }
    }
}

/// Most levels of a pyramid; 2^16 pixels of stride are more than any image has.
const MOST_LEVELS: usize = 16;

impl SimplePyramidConfig {
    /// Pixels between two places of every level, for patches of `patch` pixels.
    ///
    /// # Errors
    /// [`HeadError::Setting`] when a stride is no whole number, or there is no level, or levels do not become coarser.
    pub fn strides(&self, patch: usize) -> Result<Vec<usize>, HeadError> {
        let bad = |value: String, allowed: &str| HeadError::Setting {
            name: "pyramid.scales",
            value,
            allowed: allowed.into(),
        };
        let mut strides = Vec::new();
        for &scale in &self.scales {
            let stride = scale.stride(patch).filter(|&s| s > 0).ok_or_else(|| {
                bad(
                    format!("{scale:?}"),
                    "of whole pixels: a patch divides by it",
                )
            })?;
            if strides.last().is_some_and(|&last| last >= stride) {
                return Err(bad(
                    format!("{:?}", self.scales),
                    "from fine to coarse, each once",
                ));
            }
            strides.push(stride);
        }
        if strides.is_empty() || strides.len() + self.extra.count() > MOST_LEVELS {
            return Err(bad(
                format!("{} levels", strides.len() + self.extra.count()),
                "1 to 16 levels, one of them no extra one",
            ));
        }
        for _ in 0..self.extra.count() {
            strides.push(strides[strides.len() - 1].saturating_mul(2));
        }
        Ok(strides)
    }

    pub(super) fn init<B: Backend>(
        &self,
        dim: usize,
        draw: &mut Draw<'_, B>,
    ) -> Result<SimplePyramid<B>, HeadError> {
        let largest = 1 << 16;
        for (name, value) in [("dim", dim), ("pyramid.channels", self.channels)] {
            if value == 0 || value > largest {
                return Err(HeadError::Setting {
                    name,
                    value: value.to_string(),
                    allowed: format!("1 to {largest}"),
                });
            }
        }
        if self.scales.iter().any(|scale| scale.channels(dim) == 0) {
            return Err(HeadError::Setting {
                name: "dim",
                value: dim.to_string(),
                allowed: "at least 4 where a level is finer than the map".into(),
            });
        }
        let levels = self.scales.iter();
        let levels = levels.map(|&scale| PyramidLevel::new(scale, dim, self.channels, draw));
        let levels = levels.collect();
        let (pooled, convolutions) = match self.extra {
            ExtraLevels::None => (0, 0),
            ExtraLevels::Pool { levels } => (levels, 0),
            ExtraLevels::Convolution { levels } => (0, levels),
        };
        Ok(SimplePyramid {
            levels,
            extra: (0..convolutions)
                .map(|_| convolution(self.channels, self.channels, 3, 2, true, draw))
                .collect(),
            pooled,
        })
    }
}

/// One map at several extents (Li et al. 2022, "Exploring Plain Vision Transformer Backbones for Object Detection", section 3): each level
/// is made from the last map alone, then brought to its channels by a pixel-wise convolution and one of three by three, each with a
/// [`ChannelNorm`] and without bias.
#[derive(Module, Debug)]
pub struct SimplePyramid<B: Backend> {
    /// The levels, from fine to coarse.
    pub levels: Vec<PyramidLevel<B>>,
    /// Convolutions to coarser levels.
    pub extra: Vec<Conv2d<B>>,
    pooled: usize,
}

impl<B: Backend> SimplePyramid<B> {
    /// The levels of a map.
    ///
    /// # Shapes
    /// - `map`: `[batch, dim, height, width]`
    /// - result: `[batch, channels, height * scale, width * scale]` per level; halves are rounded up, so that a level never vanishes
    pub fn forward(&self, map: Tensor<B, 4>) -> Vec<Tensor<B, 4>> {
        let mut maps: Vec<_> = self
            .levels
            .iter()
            .map(|level| level.forward(map.clone()))
            .collect();
        for (index, convolution) in self.extra.iter().enumerate() {
            let Some(last) = maps.last().cloned() else {
                break; // `init` makes one level at least.
            };
            let input = if index == 0 { last } else { relu(last) };
            maps.push(convolution.forward(input));
        }
        for _ in 0..self.pooled {
            if let Some(last) = maps.last().cloned() {
                maps.push(max_pool2d(last, [1, 1], [2, 2], [0, 0], [1, 1], false));
            }
        }
        maps
    }
}

/// One level of [`SimplePyramid`].
#[derive(Module, Debug)]
pub struct PyramidLevel<B: Backend> {
    /// Doublings: none, one or two.
    pub up: Vec<ConvTranspose2d<B>>,
    /// Between two doublings, with a GELU behind it.
    pub up_norm: Option<ChannelNorm<B>>,
    /// To the pyramid's channels.
    pub reduce: Conv2d<B>,
    /// Behind it.
    pub reduce_norm: ChannelNorm<B>,
    /// Three by three.
    pub smooth: Conv2d<B>,
    /// Behind it.
    pub smooth_norm: ChannelNorm<B>,
    halved: bool,
}

impl<B: Backend> PyramidLevel<B> {
    fn new(scale: PyramidScale, dim: usize, channels: usize, draw: &mut Draw<'_, B>) -> Self {
        let (half, quarter) = (dim / 2, dim / 4);
        let (up, up_norm) = match scale {
            PyramidScale::Quadruple => (
                vec![doubling(dim, half, draw), doubling(half, quarter, draw)],
                Some(ChannelNorm::new(half, draw.device)),
            ),
            PyramidScale::Double => (vec![doubling(dim, half, draw)], None),
            PyramidScale::Same | PyramidScale::Half => (Vec::new(), None),
        };
        Self {
            up,
            up_norm,
            reduce: convolution(scale.channels(dim), channels, 1, 1, false, draw),
            reduce_norm: ChannelNorm::new(channels, draw.device),
            smooth: convolution(channels, channels, 3, 1, false, draw),
            smooth_norm: ChannelNorm::new(channels, draw.device),
            halved: scale == PyramidScale::Half,
        }
    }

    fn forward(&self, map: Tensor<B, 4>) -> Tensor<B, 4> {
        let mut x = map;
        if self.halved {
            // An odd extent keeps its last row and column.
            x = max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], true);
        }
        for (index, up) in self.up.iter().enumerate() {
            x = up.forward(x);
            if let (0, Some(norm)) = (index, &self.up_norm) {
                x = gelu(norm.forward(x));
            }
        }
        let x = self.reduce_norm.forward(self.reduce.forward(x));
        self.smooth_norm.forward(self.smooth.forward(x))
    }
}

/// A convolution that keeps the extent (or halves it, rounded up, with `stride` 2); weights and bias uniform on `±1/sqrt(fan_in)`,
/// PyTorch's default.
fn convolution<B: Backend>(
    from: usize,
    to: usize,
    side: usize,
    stride: usize,
    bias: bool,
    draw: &mut Draw<'_, B>,
) -> Conv2d<B> {
    let bound = 1.0 / ((from * side * side) as f64).sqrt();
    let weight = draw.uniform([to, from, side, side], bound);
    let bias = bias.then(|| draw.uniform([to], bound));
    square_convolution(weight, bias, side, stride)
}

/// A square convolution of given weights, padded by half its side.
pub(super) fn square_convolution<B: Backend>(
    weight: Param<Tensor<B, 4>>,
    bias: Option<Param<Tensor<B, 1>>>,
    side: usize,
    stride: usize,
) -> Conv2d<B> {
    let around = side / 2;
    Conv2d {
        weight,
        bias,
        stride: [stride, stride],
        kernel_size: [side, side],
        dilation: [1, 1],
        groups: 1,
        padding: PaddingConfig2d::Explicit(around, around, around, around),
    }
}

/// A transposed convolution that doubles the extent, PyTorch's default start.
fn doubling<B: Backend>(from: usize, to: usize, draw: &mut Draw<'_, B>) -> ConvTranspose2d<B> {
    let bound = 1.0 / ((to * 4) as f64).sqrt();
    let mut layer = ConvTranspose2dConfig::new([from, to], [2, 2])
        .with_stride([2, 2])
        .init(draw.device);
    layer.weight = draw.uniform([from, to, 2, 2], bound);
    layer.bias = Some(draw.uniform([to], bound));
    layer
}
