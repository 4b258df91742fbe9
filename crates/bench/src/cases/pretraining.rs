//! Masked pretraining of the shipped architecture: forward and backward pass of a batch.

use burn::backend::Autodiff;
use burn::tensor::{Distribution, Tensor};
use burn_flex::Flex;
use vit_backbone::{Mae, MaeConfig, MaskPlan};

use super::transformer::small;
use crate::case::Case;

type B = Autodiff<Flex>;

/// Batch 128, three quarters masked, decoder of two blocks of width 96.
pub(super) const MAE: Case = Case {
    name: "mae_step",
    prepare: |_| Ok(()),
    start: |setting| {
        let device = Default::default();
        let batch = setting.size(128, 4);
        let config = MaeConfig {
            encoder: small(),
            decoder_dim: 96,
            decoder_depth: 2,
            decoder_heads: 3,
            decoder_mlp_dim: 384,
            mask_ratio: 0.75,
            normalise_pixels: true,
        };
        let mae = Mae::<B>::init(&config, 1, &device)?;
        let normal = Distribution::Normal(0.0, 1.0);
        let images = Tensor::<B, 4>::random([batch, 3, 64, 64], normal, &device);
        let plan = MaskPlan::random(batch, config.patches(), config.mask_ratio, 1)?;
        Ok(Box::new(move || {
            let loss = mae.loss(images.clone(), &plan);
            let value = loss.clone().into_scalar();
            drop(loss.backward());
            Ok(f64::from(value))
        }))
    },
};
