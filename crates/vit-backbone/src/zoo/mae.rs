//! Masked autoencoders: MAE, SatMAE, Cross-Scale MAE, Scale-MAE.

use super::input::{IMAGENET, RGB};
use super::{Family, InputUnit, Normalisation, Preset};
use crate::{ChannelGroups, Interpolation, PositionKind, VitConfig};

const MAE: &str = "He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022";
const SATMAE: &str = "Cong et al., SatMAE: Pre-training Transformers for Temporal and Multi-Spectral Satellite Imagery, NeurIPS 2022";
const CROSS_SCALE: &str = "Tang et al., Cross-Scale MAE: A Tale of Multiscale Exploitation in Remote Sensing, NeurIPS 2023";
const SCALE_MAE: &str = "Reed et al., Scale-MAE: A Scale-Aware Masked Autoencoder for Multiscale Geospatial Representation Learning, ICCV 2023";
const MODEL: &str =
    "PyTorch; dictionary `model` (as published for MAE) or plain; timm's names beside a decoder";

/// Sentinel-2 statistics of `SentinelIndividualImageDataset` (SatMAE, `util/datasets.py`) without bands 1, 9 and 10.
const SATMAE_MEAN: &[f64] = &[
    1184.3824625,
    1120.77120066,
    1136.26026392,
    1263.73947144,
    1645.40315151,
    1846.87040806,
    1762.59530783,
    1972.62420416,
    1732.16362238,
    1247.91870117,
];
const SATMAE_STD: &[f64] = &[
    650.2842772,
    712.12507725,
    965.23119807,
    948.9819932,
    1108.06650639,
    1258.36394548,
    1233.1492281,
    1364.38688993,
    1310.36996126,
    1087.6020813,
];
const SATMAE_BANDS: &[&str] = &[
    "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12",
];
const FMOW: Normalisation = Normalisation::MeanStd {
    mean: &[0.4182007312774658, 0.4214799106121063, 0.3991275727748871],
    std: &[0.28774282336235046, 0.27541765570640564, 0.2764017581939697],
};
const FMOW_CROSS_SCALE: Normalisation = Normalisation::MeanStd {
    mean: &[0.43392888, 0.43578541, 0.40744025],
    std: &[0.19828456, 0.19250111, 0.19454683],
};

/// The encoder of MAE: a fixed table, carried to other grids by plain bicubic interpolation.
fn fixed(size: VitConfig) -> VitConfig {
    VitConfig {
        positions: PositionKind::SinCos2d,
        interpolation: Interpolation::Bicubic,
        ..size
    }
}

fn base() -> VitConfig {
    fixed(VitConfig::default())
}

fn large() -> VitConfig {
    fixed(VitConfig::large())
}

fn huge() -> VitConfig {
    VitConfig {
        patch_size: 14,
        dim: 1280,
        depth: 32,
        heads: 16,
        mlp_dim: 5120,
        ..base()
    }
}

/// Scale-MAE as its encoder is used for features: without the final norm.
fn scale_mae_large() -> VitConfig {
    VitConfig {
        positions: PositionKind::SinCosGround,
        final_norm: false,
        ..VitConfig::large()
    }
}

fn cross_scale(size: VitConfig) -> VitConfig {
    VitConfig {
        image_size: 128,
        ..fixed(size)
    }
}

/// Visible and near-infrared at 10 m, red edge, and short-wave infrared (`channel_groups` of the published code).
fn groups(size: VitConfig) -> VitConfig {
    VitConfig {
        image_size: 96,
        patch_size: 8,
        in_channels: 10,
        channel_groups: Some(ChannelGroups {
            groups: vec![vec![0, 1, 2, 6], vec![3, 4, 5, 7], vec![8, 9]],
            dim: 256,
        }),
        ..fixed(size)
    }
}

const fn mae(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        name,
        family: Family::Mae,
        config,
        files,
        container: MODEL,
        bands: RGB,
        unit: InputUnit::UnitRange,
        normalisation: IMAGENET,
        licence: "CC-BY-NC-4.0",
        citation: MAE,
        source: "facebookresearch/mae models_vit.py, util/pos_embed.py",
    }
}

const fn cross_scale_mae(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        container: "PyTorch; dictionary `model`; timm's blocks as `encoder.N`, `encoder_pos_embed`, `encoder_norm`, or MAE's names",
        normalisation: FMOW_CROSS_SCALE,
        citation: CROSS_SCALE,
        // The size of the position table of the published files is not stated; 128 pixels is that of `train.sh`.
        source: "aicip/Cross-Scale-MAE models_mae/MAE_ViT_Baseline.py, train.sh",
        ..mae(name, config, files)
    }
}

const fn satmae_groups(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        family: Family::GroupMae,
        container: "PyTorch; dictionary `model`; `patch_embed.N.proj`, `channel_embed`, then timm's names beside a decoder",
        bands: SATMAE_BANDS,
        unit: InputUnit::ReflectanceTimes10000,
        normalisation: Normalisation::TwoSigma {
            mean: SATMAE_MEAN,
            std: SATMAE_STD,
        },
        citation: SATMAE,
        source: "sustainlab-group/SatMAE models_vit_group_channels.py, models_mae_group_channels.py",
        ..mae(name, config, files)
    }
}

pub(super) const PRESETS: &[Preset] = &[
    mae(
        "mae_vit_base",
        base,
        &["mae_pretrain_vit_base.pth", "vit_base_patch16_224.mae"],
    ),
    mae(
        "mae_vit_large",
        large,
        &["mae_pretrain_vit_large.pth", "vit_large_patch16_224.mae"],
    ),
    mae(
        "mae_vit_huge",
        huge,
        &["mae_pretrain_vit_huge.pth", "vit_huge_patch14_224.mae"],
    ),
    Preset {
        normalisation: FMOW,
        citation: SATMAE,
        source: "sustainlab-group/SatMAE models_vit.py, util/datasets.py",
        ..mae("satmae_rgb_vit_large", large, &["fmow_pretrain.pth"])
    },
    cross_scale_mae(
        "cross_scale_mae_vit_base",
        || cross_scale(VitConfig::default()),
        &["cross_scale_mae_base_pretrain.pth"],
    ),
    cross_scale_mae(
        "cross_scale_mae_vit_large",
        || cross_scale(VitConfig::large()),
        &["cross_scale_mae_large_pretrain.pth"],
    ),
    satmae_groups(
        "satmae_group_vit_base",
        || groups(VitConfig::default()),
        &["pretrain-vit-base-e199.pth"],
    ),
    satmae_groups(
        "satmae_group_vit_large",
        || groups(VitConfig::large()),
        &["pretrain-vit-large-e199.pth"],
    ),
    Preset {
        family: Family::ScaleMae,
        citation: SCALE_MAE,
        source: "bair-climate-initiative/scale-mae mae/models_vit.py, mae/util/pos_embed.py; torchgeo models/scale_mae.py",
        ..mae(
            "scale_mae_vit_large",
            scale_mae_large,
            &[
                "scalemae-vitlarge-800.pth",
                "vit_large_patch16_224_fmow_rgb_scalemae-98ed9821.pth",
            ],
        )
    },
];
