//! Self-distillation: DINO, DINO-MC, DINOv2.

use super::input::{IMAGENET, RGB};
use super::{Family, InputUnit, Preset};
use crate::{Activation, Interpolation, VitConfig};

const DINO: &str =
    "Caron et al., Emerging Properties in Self-Supervised Vision Transformers, ICCV 2021";
const DINO_MC: &str = "Wanyan et al., DINO-MC: Self-supervised Contrastive Learning for Remote Sensing Imagery with Multi-sized Local Crops, arXiv 2303.06670";
const DINO_V2: &str =
    "Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024";
const REGISTERS: &str = "Darcet et al., Vision Transformers Need Registers, ICLR 2024";

fn small() -> VitConfig {
    VitConfig {
        dim: 384,
        heads: 6,
        mlp_dim: 1536,
        ..VitConfig::default()
    }
}

fn dino(size: VitConfig, patch_size: usize) -> VitConfig {
    VitConfig {
        patch_size,
        interpolation: Interpolation::BicubicOffset,
        ..size
    }
}

fn v2(size: VitConfig) -> VitConfig {
    VitConfig {
        image_size: 518,
        patch_size: 14,
        layer_scale: Some(1e-5),
        ..size
    }
}

fn registers(config: VitConfig) -> VitConfig {
    VitConfig {
        register_tokens: 4,
        pos_on_prefix: false,
        ..config
    }
}

fn giant() -> VitConfig {
    VitConfig {
        dim: 1536,
        depth: 40,
        heads: 24,
        mlp_dim: 8192,
        activation: Activation::SwiGlu,
        ..VitConfig::default()
    }
}

const fn of_dino(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        name,
        family: Family::Dino,
        config,
        files,
        container: "PyTorch; plain timm names, or dictionary `teacher` under `module.backbone.` or `backbone.` beside `student`",
        bands: RGB,
        unit: InputUnit::UnitRange,
        normalisation: IMAGENET,
        licence: "Apache-2.0",
        citation: DINO,
        source: "facebookresearch/dino vision_transformer.py",
    }
}

const fn of_v2(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
    citation: &'static str,
) -> Preset {
    Preset {
        family: Family::DinoV2,
        container: "safetensors with timm's names, or PyTorch with DINOv2's own (`register_tokens`, `mlp.w12`, `mlp.w3`)",
        citation,
        source: "timm models/vision_transformer.py (vit_*_patch14_dinov2, vit_*_patch14_reg4_dinov2)",
        ..of_dino(name, config, files)
    }
}

pub(super) const PRESETS: &[Preset] = &[
    of_dino(
        "dino_vit_small_16",
        || dino(small(), 16),
        &[
            "dino_deitsmall16_pretrain.pth",
            "vit_small_patch16_224.dino",
        ],
    ),
    of_dino(
        "dino_vit_small_8",
        || dino(small(), 8),
        &["dino_deitsmall8_pretrain.pth", "vit_small_patch8_224.dino"],
    ),
    of_dino(
        "dino_vit_base_16",
        || dino(VitConfig::default(), 16),
        &["dino_vitbase16_pretrain.pth", "vit_base_patch16_224.dino"],
    ),
    of_dino(
        "dino_vit_base_8",
        || dino(VitConfig::default(), 8),
        &["dino_vitbase8_pretrain.pth", "vit_base_patch8_224.dino"],
    ),
    Preset {
        container: "PyTorch; dictionary `teacher` under `module.backbone.` or `backbone.` beside `student`, optimiser and arguments",
        licence: "MIT",
        citation: DINO_MC,
        source: "WennyXY/DINO-MC utils/vision_transformer.py, main_dino_mc.py",
        ..of_dino(
            "dino_mc_vit_small_8",
            || dino(small(), 8),
            &["checkpoint.pth"],
        )
    },
    of_v2(
        "dinov2_vit_small",
        || v2(small()),
        &[
            "vit_small_patch14_dinov2.lvd142m",
            "dinov2_vits14_pretrain.pth",
        ],
        DINO_V2,
    ),
    of_v2(
        "dinov2_vit_base",
        || v2(VitConfig::default()),
        &[
            "vit_base_patch14_dinov2.lvd142m",
            "dinov2_vitb14_pretrain.pth",
        ],
        DINO_V2,
    ),
    of_v2(
        "dinov2_vit_large",
        || v2(VitConfig::large()),
        &[
            "vit_large_patch14_dinov2.lvd142m",
            "dinov2_vitl14_pretrain.pth",
        ],
        DINO_V2,
    ),
    of_v2(
        "dinov2_vit_giant",
        || v2(giant()),
        &[
            "vit_giant_patch14_dinov2.lvd142m",
            "dinov2_vitg14_pretrain.pth",
        ],
        DINO_V2,
    ),
    of_v2(
        "dinov2_reg4_vit_small",
        || registers(v2(small())),
        &[
            "vit_small_patch14_reg4_dinov2.lvd142m",
            "dinov2_vits14_reg4_pretrain.pth",
        ],
        REGISTERS,
    ),
    of_v2(
        "dinov2_reg4_vit_base",
        || registers(v2(VitConfig::default())),
        &[
            "vit_base_patch14_reg4_dinov2.lvd142m",
            "dinov2_vitb14_reg4_pretrain.pth",
        ],
        REGISTERS,
    ),
    of_v2(
        "dinov2_reg4_vit_large",
        || registers(v2(VitConfig::large())),
        &[
            "vit_large_patch14_reg4_dinov2.lvd142m",
            "dinov2_vitl14_reg4_pretrain.pth",
        ],
        REGISTERS,
    ),
    of_v2(
        "dinov2_reg4_vit_giant",
        || registers(v2(giant())),
        &[
            "vit_giant_patch14_reg4_dinov2.lvd142m",
            "dinov2_vitg14_reg4_pretrain.pth",
        ],
        REGISTERS,
    ),
];
