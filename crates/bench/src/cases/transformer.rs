//! Forward passes without gradients.

use burn::tensor::{Distribution, Tensor};
use burn_flex::Flex;
use vit_backbone::{Pooling, Vit, VitConfig, pool};

use crate::case::{Case, Round, Setting};

/// ViT-B/16 at 224 pixels, batch 8.
pub(super) const INFERENCE: Case = Case {
    name: "vit_inference",
    prepare: |_| Ok(()),
    start: |setting| {
        let config = base(setting);
        forward(&config, setting.count(8, 2))
    },
};

/// The shipped architecture: 64-pixel images, batch 256.
pub(super) const FEATURES: Case = Case {
    name: "small_features",
    prepare: |_| Ok(()),
    start: |setting| forward(&small(), setting.size(256, 4)),
};

/// ViT-B/16, or two of its blocks.
pub(super) fn base(setting: &Setting) -> VitConfig {
    VitConfig {
        depth: setting.size(12, 2),
        ..VitConfig::default()
    }
}

/// The architecture of the shipped backbone.
pub(super) fn small() -> VitConfig {
    VitConfig {
        image_size: 64,
        patch_size: 8,
        dim: 192,
        depth: 8,
        heads: 3,
        mlp_dim: 768,
        positions: vit_backbone::PositionKind::SinCos2d,
        ..VitConfig::default()
    }
}

fn forward(config: &VitConfig, batch: usize) -> anyhow::Result<Round> {
    let device = Default::default();
    let vit = Vit::<Flex>::init(config, 1, &device)?;
    let side = config.image_size;
    let normal = Distribution::Normal(0.0, 1.0);
    let images = Tensor::<Flex, 4>::random([batch, 3, side, side], normal, &device);
    Ok(Box::new(move || {
        let tokens = vit.forward(images.clone(), &());
        let features = pool(tokens, 1, Pooling::PatchMean);
        Ok(features.into_data().iter::<f64>().map(f64::abs).sum())
    }))
}
