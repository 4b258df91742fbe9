//! What several test files need: descriptions, fixed images, fitted statistics.
#![allow(dead_code)] // Every test file uses a part of it.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use deflect::{
    BandChoice, Deflect, DeflectConfig, IndexChoice, SpectralBand, Spectrum, Standardisation,
};
use vit_backbone::{InitRule, SeededInit, VitConfig};

/// Two images of 4 x 4 pixels a patch, 2 x 2 patches; channels 0 to 2 normalised RGB, channels 3 to 8 reflectances.
pub(crate) const SHAPE: [usize; 4] = [2, 9, 8, 8];

/// A backbone for [`SHAPE`].
pub(crate) fn small_vit() -> VitConfig {
    VitConfig {
        image_size: 8,
        patch_size: 4,
        dim: 12,
        depth: 3,
        heads: 3,
        mlp_dim: 16,
        ..VitConfig::default()
    }
}

/// Blue, green, red, near and short-wave infrared, and radar, in channels 3 to 8.
pub(crate) fn spectrum() -> Spectrum {
    Spectrum::new(vec![
        SpectralBand::optical("blue", 3, 490.0),
        SpectralBand::optical("green", 4, 560.0),
        SpectralBand::optical("red", 5, 665.0),
        SpectralBand::optical("nir", 6, 842.0),
        SpectralBand::optical("swir", 7, 1610.0),
        SpectralBand::other("vv", 8),
    ])
}

/// The defaults for [`spectrum`].
pub(crate) fn config() -> DeflectConfig {
    DeflectConfig::new(spectrum())
}

/// The description of the behavioural suite's two channels.
pub(crate) fn two_channels() -> DeflectConfig {
    let mut config = DeflectConfig::new(Spectrum::new(vec![
        SpectralBand::optical("nir", 0, 842.0),
        SpectralBand::optical("swir", 1, 1610.0),
    ]));
    config.pixels.bands = BandChoice::All;
    config.pixels.indices = IndexChoice::Named(vec!["NDMI".into()]);
    config
}

/// Fixed numbers: RGB channels in plus and minus 1, the others in 0 to 1.
pub(crate) fn values(seed: u64, shape: [usize; 4]) -> Vec<f32> {
    let count = shape.iter().product();
    let mut values = SeededInit::new(seed).draw("image", count, InitRule::Uniform { bound: 1.0 });
    let plane = shape[2] * shape[3];
    for (place, value) in values.iter_mut().enumerate() {
        if place / plane % shape[1] >= 3 {
            *value = 0.5 * (*value + 1.0);
        }
    }
    values
}

pub(crate) fn image<B: Backend>(values: Vec<f32>, shape: [usize; 4]) -> Tensor<B, 4> {
    Tensor::from_data(TensorData::new(values, shape), &B::Device::default())
}

/// An adapter whose statistics are fitted on one fixed batch.
pub(crate) fn adapter<B: Backend>(
    config: &DeflectConfig,
    vit: &VitConfig,
    batch: Tensor<B, 4>,
) -> Deflect<B> {
    let statistics = Standardisation::fit(&config.pixel_set(vit).unwrap(), [batch]).unwrap();
    Deflect::init(config, vit, &statistics, 42, &B::Device::default()).unwrap()
}
