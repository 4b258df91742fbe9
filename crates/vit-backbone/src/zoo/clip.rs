//! Image towers of CLIP: OpenAI's weights (QuickGELU) and OpenCLIP's.

use super::input::{RGB, SYMMETRIC};
use super::{Family, InputUnit, Normalisation, Preset};
use crate::{Activation, VitConfig};

const CLIP: &str = "Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021";
const OPEN_CLIP: &str =
    "Cherti et al., Reproducible Scaling Laws for Contrastive Language-Image Learning, CVPR 2023";

/// `OPENAI_DATASET_MEAN` and `OPENAI_DATASET_STD` of OpenCLIP.
const OPENAI: Normalisation = Normalisation::MeanStd {
    mean: &[0.48145466, 0.4578275, 0.40821073],
    std: &[0.26862954, 0.26130258, 0.27577711],
};

fn tower(size: VitConfig, patch_size: usize, projection: usize) -> VitConfig {
    VitConfig {
        patch_size,
        layer_norm_eps: 1e-5,
        patch_bias: false,
        pre_norm: true,
        projection: Some(projection),
        ..size
    }
}

fn base(patch_size: usize) -> VitConfig {
    tower(VitConfig::default(), patch_size, 512)
}

fn large() -> VitConfig {
    tower(VitConfig::large(), 14, 768)
}

fn huge() -> VitConfig {
    let size = VitConfig {
        dim: 1280,
        depth: 32,
        heads: 16,
        mlp_dim: 5120,
        ..VitConfig::default()
    };
    tower(size, 14, 1024)
}

fn quick(config: VitConfig) -> VitConfig {
    VitConfig {
        activation: Activation::QuickGelu,
        ..config
    }
}

const fn openai(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        name,
        family: Family::Clip,
        config,
        files,
        container: "safetensors or PyTorch; OpenCLIP's names under `visual.` beside the text tower, or timm's names",
        bands: RGB,
        unit: InputUnit::UnitRange,
        normalisation: OPENAI,
        licence: "MIT",
        citation: CLIP,
        source: "mlfoundations/open_clip src/open_clip/transformer.py (VisionTransformer), pretrained.py",
    }
}

pub(super) const PRESETS: &[Preset] = &[
    openai(
        "clip_vit_base_32_openai",
        || quick(base(32)),
        &[
            "open_clip ViT-B-32 openai",
            "vit_base_patch32_clip_quickgelu_224.openai",
        ],
    ),
    openai(
        "clip_vit_base_16_openai",
        || quick(base(16)),
        &[
            "open_clip ViT-B-16 openai",
            "vit_base_patch16_clip_quickgelu_224.openai",
        ],
    ),
    openai(
        "clip_vit_large_14_openai",
        || quick(large()),
        &[
            "open_clip ViT-L-14 openai",
            "vit_large_patch14_clip_quickgelu_224.openai",
        ],
    ),
    openai(
        "clip_vit_large_14_336_openai",
        || VitConfig {
            image_size: 336,
            ..quick(large())
        },
        &[
            "open_clip ViT-L-14-336 openai",
            "vit_large_patch14_clip_quickgelu_336.openai",
        ],
    ),
    // The only one of these whose training scaled images to -1..1 (`pretrained.py`, `_VITL14`).
    Preset {
        normalisation: SYMMETRIC,
        citation: OPEN_CLIP,
        ..openai(
            "clip_vit_large_14_laion2b",
            large,
            &[
                "open_clip ViT-L-14 laion2b_s32b_b82k",
                "vit_large_patch14_clip_224.laion2b",
            ],
        )
    },
    Preset {
        citation: OPEN_CLIP,
        ..openai(
            "clip_vit_huge_14_laion2b",
            huge,
            &[
                "open_clip ViT-H-14 laion2b_s32b_b79k",
                "vit_huge_patch14_clip_224.laion2b",
            ],
        )
    },
];
