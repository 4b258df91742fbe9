//! Supervised classifiers of timm (augmentation and regularisation study).

use super::input::{RGB, SYMMETRIC};
use super::{Family, InputUnit, Preset};
use crate::VitConfig;

const fn augreg(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        name,
        family: Family::Supervised,
        config,
        files,
        container: "safetensors; timm's names beside a classifier `head`",
        bands: RGB,
        unit: InputUnit::UnitRange,
        normalisation: SYMMETRIC,
        licence: "Apache-2.0",
        citation: "Steiner et al., How to Train Your ViT? Data, Augmentation, and Regularization in Vision Transformers, TMLR 2022",
        source: "timm models/vision_transformer.py",
    }
}

fn patches(size: VitConfig, patch_size: usize) -> VitConfig {
    VitConfig { patch_size, ..size }
}

fn small() -> VitConfig {
    VitConfig {
        dim: 384,
        heads: 6,
        mlp_dim: 1536,
        ..VitConfig::default()
    }
}

pub(super) const PRESETS: &[Preset] = &[
    augreg(
        "augreg_vit_small_16",
        small,
        &[
            "vit_small_patch16_224.augreg_in21k",
            "vit_small_patch16_224.augreg_in21k_ft_in1k",
        ],
    ),
    augreg(
        "augreg_vit_base_16",
        VitConfig::default,
        &[
            "vit_base_patch16_224.augreg_in21k",
            "vit_base_patch16_224.augreg_in21k_ft_in1k",
        ],
    ),
    augreg(
        "augreg_vit_base_8",
        || patches(VitConfig::default(), 8),
        &[
            "vit_base_patch8_224.augreg_in21k",
            "vit_base_patch8_224.augreg_in21k_ft_in1k",
        ],
    ),
    augreg(
        "augreg_vit_large_16",
        VitConfig::large,
        &[
            "vit_large_patch16_224.augreg_in21k",
            "vit_large_patch16_224.augreg_in21k_ft_in1k",
        ],
    ),
];
