//! Masked autoencoders whose patch embedding is generated from wavelengths: DOFA.

use super::{Family, InputUnit, Normalisation, Preset};
use crate::{PositionKind, SpectralEmbedConfig, SpectralStyle, VitConfig};

/// Nine bands in the order of the published example; any other channels need their wavelengths alone.
const BANDS: &[&str] = &["B4", "B3", "B2", "B5", "B6", "B7", "B8", "B11", "B12"];
const WAVELENGTHS: [f64; 9] = [0.665, 0.56, 0.49, 0.705, 0.74, 0.783, 0.842, 1.61, 2.19];
const NORMALISATION: Normalisation = Normalisation::MeanStd {
    mean: &[
        114.1099739,
        114.81779093,
        126.63977424,
        84.33539309,
        97.84789168,
        103.94461911,
        101.435633,
        72.32804172,
        56.66528851,
    ],
    std: &[
        77.84352553,
        69.96844919,
        67.42465279,
        64.57022983,
        61.72545487,
        61.34187099,
        60.29744676,
        47.88519516,
        42.55886798,
    ],
};

/// Without the final norm: the published code norms the mean of the patches by weights of the task.
fn model(size: VitConfig) -> VitConfig {
    VitConfig {
        in_channels: WAVELENGTHS.len(),
        patch_padding: 1,
        spectral_embed: Some(SpectralEmbedConfig {
            style: SpectralStyle::Dofa,
            width: 128,
            tokens: 128,
            hidden: 2048,
            heads: 4,
            wavelengths: WAVELENGTHS.to_vec(),
        }),
        positions: PositionKind::SinCos2d,
        final_norm: false,
        ..size
    }
}

const fn dofa(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        name,
        family: Family::Dofa,
        config,
        files,
        container: "PyTorch; timm's names beside the network that makes the patch embedding (`patch_embed.weight_generator`)",
        bands: BANDS,
        unit: InputUnit::Byte,
        normalisation: NORMALISATION,
        licence: "CC-BY-4.0",
        citation: "Xiong et al., Neural Plasticity-Inspired Multimodal Foundation Model for Earth Observation, arXiv 2403.15356",
        source: "torchgeo models/dofa.py; zhu-xlab/DOFA README.md (bands, wavelengths, statistics)",
    }
}

pub(super) const PRESETS: &[Preset] = &[
    dofa(
        "dofa_vit_base",
        || model(VitConfig::default()),
        &[
            "DOFA_ViT_base_e100.pth",
            "dofa_base_patch16_224-a0275954.pth",
        ],
    ),
    dofa(
        "dofa_vit_large",
        || model(VitConfig::large()),
        &[
            "DOFA_ViT_large_e100.pth",
            "dofa_large_patch16_224-0ff904d3.pth",
        ],
    ),
];
