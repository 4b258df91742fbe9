//! Initial values, drawn on the host so that a seed gives the same head on every backend.

use burn::module::Param;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, ConvTranspose2d, ConvTranspose2dConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One stream of random numbers, drawn from in the order in which a head is built.
pub(crate) struct Draw<'a, B: Backend> {
    rng: ChaCha8Rng,
    pub(crate) device: &'a B::Device,
}

impl<'a, B: Backend> Draw<'a, B> {
    pub(crate) fn new(seed: u64, device: &'a B::Device) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            device,
        }
    }

    pub(crate) fn normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        std: f64,
    ) -> Param<Tensor<B, D>> {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|_| (std * standard_normal(&mut self.rng)) as f32)
            .collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }

    pub(crate) fn uniform<const D: usize>(
        &mut self,
        shape: [usize; D],
        bound: f64,
    ) -> Param<Tensor<B, D>> {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|_| (bound * (2.0 * self.rng.random::<f64>() - 1.0)) as f32)
            .collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }

    /// A square convolution without bias that keeps the extent; weights normal with variance `2 / fan_out` (He et al. 2015), as
    /// mmsegmentation starts its convolution modules.
    pub(crate) fn convolution(&mut self, from: usize, to: usize, side: usize) -> Conv2d<B> {
        let fan_out = (to * side * side) as f64;
        let weight = self.normal([to, from, side, side], (2.0 / fan_out).sqrt());
        convolution(weight, None, side)
    }

    /// A pixel-wise linear map with bias: weights normal with `std`, bias 0.
    pub(crate) fn classifier(&mut self, from: usize, to: usize, std: f64) -> Conv2d<B> {
        let weight = self.normal([to, from, 1, 1], std);
        let bias = Param::from_tensor(Tensor::zeros([to], self.device));
        convolution(weight, Some(bias), 1)
    }

    /// A transposed convolution that doubles the extent; weights and bias uniform on `±1/sqrt(fan)`, PyTorch's default.
    pub(crate) fn doubling(&mut self, channels: usize) -> ConvTranspose2d<B> {
        let bound = 1.0 / ((channels * 4) as f64).sqrt();
        let mut layer = ConvTranspose2dConfig::new([channels, channels], [2, 2])
            .with_stride([2, 2])
            .init(self.device);
        layer.weight = self.uniform([channels, channels, 2, 2], bound);
        layer.bias = Some(self.uniform([channels], bound));
        layer
    }
}

fn convolution<B: Backend>(
    weight: Param<Tensor<B, 4>>,
    bias: Option<Param<Tensor<B, 1>>>,
    side: usize,
) -> Conv2d<B> {
    let around = side / 2;
    Conv2d {
        weight,
        bias,
        stride: [1, 1],
        kernel_size: [side, side],
        dilation: [1, 1],
        groups: 1,
        padding: PaddingConfig2d::Explicit(around, around, around, around),
    }
}

/// Box-Muller.
fn standard_normal(rng: &mut impl Rng) -> f64 {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}
