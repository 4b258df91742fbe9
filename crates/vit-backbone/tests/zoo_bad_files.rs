//! Files of other families, of other kinds, cut short or altered: a typed error that says what was seen, never a panic.

mod support;

use std::path::Path;

use burn_flex::Flex;
use testkit::{Golden, golden_root};
use vit_backbone::{
    BackboneError, LoadOptions, PositionKind, Vit, VitConfig, load_vit, presets, recognise,
};

use support::sparse;

fn fixture(name: &str) -> std::path::PathBuf {
    golden_root().join("vit-backbone").join(name)
}

fn load(name: &str, config: &VitConfig) -> Result<Vit<Flex>, BackboneError> {
    load_path(&fixture(name), config)
}

fn load_path(path: &Path, config: &VitConfig) -> Result<Vit<Flex>, BackboneError> {
    let options = LoadOptions::default();
    Ok(load_vit(path, Some(config), &options, &Default::default())?.0)
}

fn config_of(golden: &str) -> VitConfig {
    Golden::open(&format!("vit-backbone/zoo_{golden}_golden.safetensors")).metadata_json("config")
}

#[test]
fn files_of_other_kinds_say_what_was_seen_and_what_is_near() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let error = |tensors: &[(&str, &[usize])]| {
        let tensors: Vec<_> = tensors
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), shape.to_vec()))
            .collect();
        sparse(&path, &tensors);
        match recognise(&path) {
            Err(error @ BackboneError::Checkpoint { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    // A convolutional network: it has a `conv1.weight`, which alone means nothing.
    let text = error(&[
        ("conv1.weight", &[8, 3, 7, 7]),
        ("layer1.0.conv1.weight", &[8, 8, 3, 3]),
    ]);
    assert!(text.contains("layer1.0.conv1.weight"), "{text}");
    assert!(text.contains("nearest: CLIP"), "{text}");
    let text = error(&[("weight", &[2, 2])]);
    assert!(text.contains("no family is near"), "{text}");
    // Registers without a position table and without LayerScale: no published model.
    let text = error(&[
        ("patch_embed.proj.weight", &[8, 3, 4, 4]),
        ("cls_token", &[1, 1, 8]),
        ("reg_token", &[1, 4, 8]),
        ("blocks.0.attn.qkv.weight", &[24, 8]),
        ("blocks.0.mlp.fc1.weight", &[32, 8]),
    ]);
    assert!(
        text.contains("register tokens") && text.contains("no position table"),
        "{text}"
    );
    assert!(text.contains("nearest: "), "{text}");
    // Blocks of xFormers compute something else.
    let text = error(&[
        ("patch_embed.proj.weight", &[8, 3, 4, 4]),
        ("encoder_pos_embed", &[1, 5, 8]),
        ("encoder.encoders.0.wrap_att.norm.weight", &[8]),
    ]);
    assert!(text.contains("xFormers"), "{text}");
}

#[test]
fn another_family_is_a_mismatch_and_not_a_model() {
    let dino = config_of("dino");
    for file in [
        "zoo_clip_weights.safetensors",
        "zoo_satmae_weights.pth",
        "zoo_dinov2_weights.safetensors",
        "zoo_dinov2_reg4_weights.safetensors",
    ] {
        match load(file, &dino) {
            Err(BackboneError::Mismatch(report)) => assert!(
                !report.missing.is_empty() || report.unknown().next().is_some(),
                "{file}: {report}"
            ),
            other => panic!("{file}: {:?}", other.map(|_| ())),
        }
    }
    for preset in presets() {
        assert!(
            load("zoo_dino_weights.pth", &preset.config()).is_err(),
            "{}",
            preset.name
        );
    }
}

#[test]
fn trained_tables_are_not_taken_for_fixed_ones() {
    let fixed = VitConfig {
        positions: PositionKind::SinCos2d,
        ..config_of("satmae_finetuned")
    };
    let text = load("zoo_satmae_finetuned_weights.pth", &fixed)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(text.contains("is not the fixed sin-cos table"), "{text}");
}

#[test]
fn every_truncation_is_an_error() {
    for name in [
        "zoo_clip_weights.safetensors",
        "zoo_satmae_weights.pth",
        "zoo_dino_mc_weights.pth",
    ] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        for cut in (0..bytes.len()).step_by(4001).chain([bytes.len() - 1]) {
            std::fs::write(file.path(), &bytes[..cut]).unwrap();
            let error = recognise(file.path()).expect_err("an error");
            assert!(
                matches!(
                    error,
                    BackboneError::Checkpoint { .. } | BackboneError::Io { .. }
                ),
                "{name} cut at {cut}: {error}"
            );
        }
    }
}

/// One byte altered anywhere in the header or the pickle, or in the weights: a model or an error, never a panic.
#[test]
fn altered_bytes_never_panic() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (name, golden) in [
        ("zoo_clip_weights.safetensors", "clip"),
        ("zoo_clip_quick_weights.pth", "clip_quick"),
        ("zoo_dinov2_own_weights.pth", "dinov2_own"),
        ("zoo_satmae_weights.pth", "satmae"),
    ] {
        let config = config_of(golden);
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let mut refused = 0;
        for place in (0..bytes.len()).step_by(337) {
            let kept = bytes[place];
            bytes[place] ^= 0x15;
            std::fs::write(file.path(), &bytes).unwrap();
            bytes[place] = kept;
            let found = recognise(file.path());
            let loaded = load_path(file.path(), &config);
            refused += usize::from(found.is_err() || loaded.is_err());
        }
        assert!(refused > 0, "{name}: nothing was noticed");
    }
}
