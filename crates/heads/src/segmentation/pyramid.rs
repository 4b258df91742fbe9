//! From four maps of one extent to a pyramid: what a plain ViT needs before a head made for hierarchical backbones.

use burn::module::Module;
use burn::nn::conv::ConvTranspose2d;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn::tensor::module::max_pool2d;

use super::BatchNorm;
use super::weights::Draw;

/// The neck `Feature2Pyramid` of mmsegmentation, as BEiT (Bao et al. 2022) and MAE (He et al. 2022, appendix A.4) use it and the PANGAEA
/// benchmark after them: the first map four times as large, the second twice, the third as it is, the last half as large.
#[derive(Module, Debug)]
pub struct FeaturePyramid<B: Backend> {
    /// First doubling of the first map.
    pub first_a: ConvTranspose2d<B>,
    /// Between the two doublings, with a GELU behind it.
    pub first_norm: BatchNorm<B>,
    /// Second doubling of the first map.
    pub first_b: ConvTranspose2d<B>,
    /// Doubling of the second map.
    pub second: ConvTranspose2d<B>,
}

impl<B: Backend> FeaturePyramid<B> {
    pub(super) fn new(channels: usize, draw: &mut Draw<'_, B>) -> Self {
        Self {
            first_a: draw.doubling(channels),
            first_norm: BatchNorm::new(channels, draw.device),
            first_b: draw.doubling(channels),
            second: draw.doubling(channels),
        }
    }

    /// The pyramid of four maps.
    ///
    /// # Shapes
    /// - `maps`: four times `[batch, channels, height, width]`, height and width at least 2
    /// - result: the same batch and channels with 4, 2, 1 and 1/2 times height and width, the last rounded down
    pub fn forward(&self, maps: [Tensor<B, 4>; 4]) -> [Tensor<B, 4>; 4] {
        let [first, second, third, last] = maps;
        let first = self.first_norm.forward(self.first_a.forward(first));
        let first = self.first_b.forward(gelu(first));
        let last = max_pool2d(last, [2, 2], [2, 2], [0, 0], [1, 1], false);
        [first, self.second.forward(second), third, last]
    }
}

/// GELU by the error function. The gradient of burn's own function is, on most backends, that of another approximation.
fn gelu<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let share = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
    x * share * 0.5
}

/// Trained numbers of a [`FeaturePyramid`]: three transposed convolutions with bias, one normalisation.
pub(super) fn pyramid_count(channels: usize) -> usize {
    3 * (4 * channels * channels + channels) + 2 * channels
}
