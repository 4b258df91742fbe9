//! Masked autoencoders over frames of harmonised Landsat and Sentinel-2 images: Prithvi-EO 1.0 and 2.0.

use super::{Family, InputUnit, Normalisation, Preset};
use crate::{Interpolation, PositionKind, VitConfig};

const V1: &str = "Jakubik et al., Foundation Models for Generalist Geospatial Artificial Intelligence, arXiv 2310.18660";
const V2: &str = "Szwarcman et al., Prithvi-EO-2.0: A Versatile Multi-Temporal Foundation Model for Earth Observation Applications, arXiv 2412.02732";

/// Blue, green, red, narrow near infrared, and two bands of short-wave infrared, under the names that Sentinel-2 gives them.
const BANDS: &[&str] = &["B02", "B03", "B04", "B8A", "B11", "B12"];

const NORMALISATION_V1: Normalisation = Normalisation::MeanStd {
    mean: &[775.0, 1081.0, 1229.0, 2497.0, 2204.0, 1611.0],
    std: &[1282.0, 1270.0, 1399.0, 1368.0, 1292.0, 1155.0],
};
const NORMALISATION_V2: Normalisation = Normalisation::MeanStd {
    mean: &[1087.0, 1342.0, 1433.0, 2734.0, 1958.0, 1363.0],
    std: &[2248.0, 2179.0, 2178.0, 1850.0, 1242.0, 1049.0],
};

/// Frames of six channels each; LayerNorm as PyTorch has it by default.
fn frames(size: VitConfig, frames: usize) -> VitConfig {
    VitConfig {
        in_channels: 6 * frames,
        frames: Some(frames),
        layer_norm_eps: 1e-5,
        positions: PositionKind::SinCos3d,
        interpolation: Interpolation::BicubicCorners,
        ..size
    }
}

/// With embeddings of date and place.
fn located(config: VitConfig) -> VitConfig {
    VitConfig {
        coordinates: true,
        ..config
    }
}

fn tiny() -> VitConfig {
    VitConfig {
        dim: 192,
        heads: 3,
        mlp_dim: 768,
        ..VitConfig::default()
    }
}

fn large() -> VitConfig {
    frames(VitConfig::large(), 4)
}

fn huge() -> VitConfig {
    let size = VitConfig {
        patch_size: 14,
        dim: 1280,
        depth: 32,
        heads: 16,
        mlp_dim: 5120,
        ..VitConfig::default()
    };
    frames(size, 4)
}

const fn of_v2(
    name: &'static str,
    config: fn() -> VitConfig,
    files: &'static [&'static str],
) -> Preset {
    Preset {
        name,
        family: Family::Prithvi,
        config,
        files,
        container: "PyTorch; timm's names under `encoder.` beside a decoder, the patch embedding with an axis for frames",
        bands: BANDS,
        unit: InputUnit::ReflectanceTimes10000,
        normalisation: NORMALISATION_V2,
        licence: "Apache-2.0",
        citation: V2,
        source: "terratorch models/backbones/prithvi_mae.py, prithvi_vit.py",
    }
}

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        container: "PyTorch; timm's names beside a decoder, the patch embedding with an axis for frames",
        normalisation: NORMALISATION_V1,
        citation: V1,
        ..of_v2(
            "prithvi_eo_v1_100m",
            || frames(VitConfig::default(), 3),
            &["Prithvi_EO_V1_100M.pt"],
        )
    },
    of_v2(
        "prithvi_eo_v2_tiny_tl",
        || located(frames(tiny(), 1)),
        &["Prithvi_EO_V2_tiny_TL.pt"],
    ),
    of_v2(
        "prithvi_eo_v2_100m_tl",
        || located(frames(VitConfig::default(), 4)),
        &["Prithvi_EO_V2_100M_TL.pt"],
    ),
    of_v2("prithvi_eo_v2_300m", large, &["Prithvi_EO_V2_300M.pt"]),
    of_v2(
        "prithvi_eo_v2_300m_tl",
        || located(large()),
        &["Prithvi_EO_V2_300M_TL.pt"],
    ),
    of_v2("prithvi_eo_v2_600m", huge, &["Prithvi_EO_V2_600M.pt"]),
    of_v2(
        "prithvi_eo_v2_600m_tl",
        || located(huge()),
        &["Prithvi_EO_V2_600M_TL.pt"],
    ),
];
