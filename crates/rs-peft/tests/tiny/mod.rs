//! Tiny stand-ins for what Table 1 needs: GEO-Bench in its layout, weights with positions by ground distance.

use std::collections::BTreeMap;
use std::path::Path;

use burn_flex::Flex;
use rs_datasets::catalog::{GeoBenchName, fake};
use vit_backbone::{Dtype, PositionKind, Vit, VitConfig, save_vit};

/// Two images per class and part of a GEO-Bench set.
pub(crate) fn write_geobench(set: &str, folder: &Path) {
    let name = match set {
        "so2sat" => GeoBenchName::So2Sat,
        "brick_kiln" => GeoBenchName::BrickKiln,
        "forestnet" => GeoBenchName::ForestNet,
        other => panic!("{other}"),
    };
    fake::write_geobench(folder, name, 6, 5).unwrap();
}

/// A random model like Scale-MAE's, three channels, patches of 4 pixels, six blocks; without statistics of an input.
pub(crate) fn write_weights(path: &Path) {
    let config = VitConfig {
        image_size: 16,
        patch_size: 4,
        dim: 32,
        depth: 6,
        heads: 2,
        mlp_dim: 64,
        positions: PositionKind::SinCosGround,
        final_norm: false,
        ..VitConfig::default()
    };
    let vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
    save_vit(&vit, &config, path, Dtype::F32, &BTreeMap::new()).unwrap();
}
