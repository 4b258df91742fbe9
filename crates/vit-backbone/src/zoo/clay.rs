//! Clay 1.5: a patch embedding generated from wavelengths, and positions that know pixel size, time and place.

use super::{Family, InputUnit, Normalisation, Preset};
use crate::{PositionKind, SpectralEmbedConfig, SpectralStyle, VitConfig};

/// The bands of Sentinel-2 that the model was trained with, by the names of its `metadata.yaml`, which has seven more sensors.
const BANDS: &[&str] = &[
    "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir16", "swir22",
];
const WAVELENGTHS: [f64; 10] = [
    0.493, 0.56, 0.665, 0.704, 0.74, 0.783, 0.842, 0.865, 1.61, 2.19,
];
const NORMALISATION: Normalisation = Normalisation::MeanStd {
    mean: &[
        1105.0, 1355.0, 1552.0, 1887.0, 2422.0, 2630.0, 2743.0, 2785.0, 2388.0, 1835.0,
    ],
    std: &[
        1809.0, 1757.0, 1888.0, 1870.0, 1732.0, 1697.0, 1742.0, 1648.0, 1470.0, 1379.0,
    ],
};

fn large() -> VitConfig {
    VitConfig {
        image_size: 256,
        patch_size: 8,
        in_channels: WAVELENGTHS.len(),
        spectral_embed: Some(SpectralEmbedConfig {
            style: SpectralStyle::Clay,
            width: 128,
            tokens: 128,
            hidden: 2048,
            heads: 4,
            wavelengths: WAVELENGTHS.to_vec(),
        }),
        layer_norm_eps: 1e-5,
        positions: PositionKind::SinCosMetadata,
        pos_on_prefix: false,
        qkv_bias: false,
        proj_bias: false,
        ..VitConfig::large()
    }
}

pub(super) const PRESETS: &[Preset] = &[Preset {
    name: "clay_v1_5_vit_large",
    family: Family::Clay,
    config: large,
    files: &["clay-v1.5.ckpt"],
    container: "PyTorch; dictionary `state_dict`, Clay's names under `model.encoder.` beside a decoder and a teacher",
    bands: BANDS,
    unit: InputUnit::ReflectanceTimes10000,
    normalisation: NORMALISATION,
    licence: "Apache-2.0",
    citation: "Clay Foundation, Clay Foundation Model 1.5, 2024",
    source: "Clay-foundation/model claymodel/model.py, factory.py, backbone.py, utils.py, configs/metadata.yaml",
}];
