//! DINOv3: rotary positions, registers, LayerScale; weights trained on web images and on satellite images.

use super::input::{IMAGENET, RGB};
use super::{Family, InputUnit, Normalisation, Preset};
use crate::{Activation, PositionKind, VitConfig};

const DINO_V3: &str = "Siméoni et al., DINOv3, arXiv 2508.10104";

/// Mean and standard deviation of the satellite images, as the published transform for these weights states them.
const SATELLITE: Normalisation = Normalisation::MeanStd {
    mean: &[0.430, 0.411, 0.296],
    std: &[0.213, 0.156, 0.143],
};

fn model(dim: usize, depth: usize, heads: usize, mlp_dim: usize) -> VitConfig {
    VitConfig {
        dim,
        depth,
        heads,
        mlp_dim,
        layer_norm_eps: 1e-5,
        register_tokens: 4,
        positions: PositionKind::Rotary,
        pos_on_prefix: false,
        layer_scale: Some(1e-5),
        ..VitConfig::default()
    }
}

/// The same with a gated MLP; `inner` is the width behind the gate.
fn gated(dim: usize, depth: usize, heads: usize, inner: usize) -> VitConfig {
    VitConfig {
        activation: Activation::SwiGlu,
        ..model(dim, depth, heads, 2 * inner)
    }
}

fn large() -> VitConfig {
    model(1024, 24, 16, 4096)
}

fn seven_billion() -> VitConfig {
    VitConfig {
        qkv_bias: false,
        ..gated(4096, 40, 32, 8192)
    }
}

const fn web(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        name,
        family: Family::DinoV3,
        config,
        files,
        container: "PyTorch with DINOv3's own names (`storage_tokens`, `rope_embed.periods`), or a transformers directory",
        bands: RGB,
        unit: InputUnit::UnitRange,
        normalisation: IMAGENET,
        licence: "DINOv3 License",
        citation: DINO_V3,
        source: "facebookresearch/dinov3 dinov3/models/vision_transformer.py, dinov3/hub/backbones.py; transformers models/dinov3_vit",
    }
}

const fn satellite(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        normalisation: SATELLITE,
        ..web(name, config, files)
    }
}

pub(super) const PRESETS: &[Preset] = &[
    web(
        "dinov3_vit_small",
        || model(384, 12, 6, 1536),
        &[
            "dinov3_vits16_pretrain_lvd1689m-08c60483.pth",
            "facebook/dinov3-vits16-pretrain-lvd1689m",
        ],
    ),
    web(
        "dinov3_vit_small_plus",
        || gated(384, 12, 6, 1536),
        &[
            "dinov3_vits16plus_pretrain_lvd1689m-4057cbaa.pth",
            "facebook/dinov3-vits16plus-pretrain-lvd1689m",
        ],
    ),
    web(
        "dinov3_vit_base",
        || model(768, 12, 12, 3072),
        &[
            "dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth",
            "facebook/dinov3-vitb16-pretrain-lvd1689m",
        ],
    ),
    web(
        "dinov3_vit_large",
        large,
        &[
            "dinov3_vitl16_pretrain_lvd1689m-8aa4cbdd.pth",
            "facebook/dinov3-vitl16-pretrain-lvd1689m",
        ],
    ),
    web(
        "dinov3_vit_huge_plus",
        || gated(1280, 32, 20, 5120),
        &[
            "dinov3_vith16plus_pretrain_lvd1689m-7c1da9a5.pth",
            "facebook/dinov3-vith16plus-pretrain-lvd1689m",
        ],
    ),
    web(
        "dinov3_vit_7b",
        seven_billion,
        &[
            "dinov3_vit7b16_pretrain_lvd1689m-a955f4ea.pth",
            "facebook/dinov3-vit7b16-pretrain-lvd1689m",
        ],
    ),
    satellite(
        "dinov3_sat_vit_large",
        large,
        &[
            "dinov3_vitl16_pretrain_sat493m-eadcf0ff.pth",
            "facebook/dinov3-vitl16-pretrain-sat493m",
        ],
    ),
    satellite(
        "dinov3_sat_vit_7b",
        seven_billion,
        &[
            "dinov3_vit7b16_pretrain_sat493m-a6675841.pth",
            "facebook/dinov3-vit7b16-pretrain-sat493m",
        ],
    ),
];
