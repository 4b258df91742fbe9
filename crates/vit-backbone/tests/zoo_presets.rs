//! The presets at full size: parameter counts of the published packages, and recognition from headers of published shapes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use burn_flex::Flex;
use serde::Deserialize;
use serde_json::json;
use testkit::{Golden, golden_root};
use vit_backbone::{
    BackboneError, ChannelGroups, Dtype, Family, Interpolation, LoadOptions, PositionKind, Vit,
    VitConfig, fingerprint, load_vit, preset, presets, recognise, save_vit,
};

#[derive(Deserialize)]
struct Counts {
    models: BTreeMap<String, Count>,
}

#[derive(Deserialize)]
struct Count {
    trainable: usize,
    total: usize,
}

#[test]
fn parameter_counts_are_the_published_ones() {
    let mut counts = Golden::json::<Counts>("vit-backbone/zoo_counts.json").models;
    for preset in presets() {
        let count = counts
            .remove(preset.name)
            .unwrap_or_else(|| panic!("{} was not counted", preset.name));
        let config = preset.config();
        assert_eq!(
            (config.parameter_count(), config.stored_count()),
            (count.trainable, count.total),
            "{}",
            preset.name
        );
    }
    assert!(counts.is_empty(), "{:?}", counts.keys());
    let scale_mae = preset("scale_mae_vit_large").unwrap().config();
    assert_eq!(scale_mae.parameter_count(), 303_097_856);
}

/// Writes a safetensors file of these shapes whose values are a hole in the file: no weight is allocated or stored.
fn sparse(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut header = serde_json::Map::new();
    let mut end = 0u64;
    for (name, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>() as u64;
        header.insert(
            name.clone(),
            json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }),
        );
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(&header).unwrap();
    file.set_len(8 + header.len() as u64 + end).unwrap();
}

/// Names and shapes of a plain preset in timm's naming.
fn shapes(config: &VitConfig) -> Vec<(String, Vec<usize>)> {
    let d = config.dim;
    let p = config.patch_size;
    let mut list: Vec<(String, Vec<usize>)> = vec![
        ("cls_token".into(), vec![1, 1, d]),
        ("pos_embed".into(), vec![1, config.position_rows(), d]),
        ("norm.weight".into(), vec![d]),
        ("norm.bias".into(), vec![d]),
        (
            "patch_embed.proj.weight".into(),
            vec![d, config.in_channels, p, p],
        ),
        ("patch_embed.proj.bias".into(), vec![d]),
    ];
    for block in 0..config.depth {
        for (name, shape) in [
            ("norm1.weight", vec![d]),
            ("norm1.bias", vec![d]),
            ("attn.qkv.weight", vec![3 * d, d]),
            ("attn.qkv.bias", vec![3 * d]),
            ("attn.proj.weight", vec![d, d]),
            ("attn.proj.bias", vec![d]),
            ("norm2.weight", vec![d]),
            ("norm2.bias", vec![d]),
            ("mlp.fc1.weight", vec![config.mlp_dim, d]),
            ("mlp.fc1.bias", vec![config.mlp_dim]),
            ("mlp.fc2.weight", vec![d, config.mlp_dim]),
            ("mlp.fc2.bias", vec![d]),
        ] {
            list.push((format!("blocks.{block}.{name}"), shape));
        }
    }
    list
}

#[test]
fn presets_are_found_by_their_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let with = |name: &str, extra: &[(&str, &[usize])]| {
        let mut tensors = shapes(&preset(name).unwrap().config());
        for (name, shape) in extra {
            tensors.push(((*name).to_owned(), shape.to_vec()));
        }
        sparse(&path, &tensors);
        recognise(&path).unwrap()
    };
    let names = |found: &vit_backbone::Recognition| {
        found.presets.iter().map(|p| p.name).collect::<Vec<_>>()
    };

    let found = with(
        "augreg_vit_base_8",
        &[("head.weight", &[9, 768]), ("head.bias", &[9])],
    );
    assert_eq!(found.families, [Family::Supervised]);
    assert_eq!(found.only().unwrap().name, "augreg_vit_base_8");

    // Weights that differ in what they were trained on only: the caller must say which.
    let found = with(
        "mae_vit_large",
        &[
            ("mask_token", &[1, 1, 512]),
            ("decoder_embed.weight", &[512, 1024]),
        ],
    );
    assert_eq!(found.families, [Family::Mae]);
    assert_eq!(names(&found), ["mae_vit_large", "satmae_rgb_vit_large"]);
    let text = found.only().unwrap_err().to_string();
    assert!(text.contains("satmae_rgb_vit_large"), "{text}");

    let found = with("dino_vit_small_8", &[]);
    assert_eq!(found.families, [Family::Dino, Family::Supervised]);
    assert_eq!(names(&found), ["dino_vit_small_8", "dino_mc_vit_small_8"]);

    let found = with(
        "scale_mae_vit_large",
        &[("mask_token_decoder", &[1, 1, 512])],
    );
    assert_eq!(found.only().unwrap().name, "scale_mae_vit_large");
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
    // Rotary positions: LayerScale and registers without a position table.
    let text = error(&[
        ("patch_embed.proj.weight", &[8, 3, 4, 4]),
        ("cls_token", &[1, 1, 8]),
        ("reg_token", &[1, 4, 8]),
        ("blocks.0.gamma_1", &[8]),
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

fn fixture(name: &str) -> std::path::PathBuf {
    golden_root().join("vit-backbone").join(name)
}

fn load(name: &str, config: &VitConfig) -> Result<Vit<Flex>, BackboneError> {
    let options = LoadOptions::default();
    Ok(load_vit(fixture(name), Some(config), &options, &Default::default())?.0)
}

fn config_of(golden: &str) -> VitConfig {
    Golden::open(&format!("vit-backbone/zoo_{golden}_golden.safetensors")).metadata_json("config")
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

/// Each model is written under timm's names with its configuration and is the same model when it is read again.
#[test]
fn every_model_survives_saving() {
    let folder = tempfile::tempdir().unwrap();
    for (golden, weights) in [
        ("mae", "zoo_mae_weights.pth"),
        ("scale_mae", "zoo_scale_mae_weights.pth"),
        ("dino", "zoo_dino_mc_weights.pth"),
        ("dinov2_reg4", "zoo_dinov2_reg4_weights.safetensors"),
        ("dinov2_giant", "zoo_dinov2_giant_weights.safetensors"),
        ("clip_quick", "zoo_clip_quick_weights.pth"),
        ("satmae", "zoo_satmae_weights.pth"),
        ("satmae_finetuned", "zoo_satmae_finetuned_weights.pth"),
    ] {
        let config = config_of(golden);
        let vit = load(weights, &config).unwrap();
        let path = folder.path().join(format!("{golden}.safetensors"));
        save_vit(&vit, &config, &path, Dtype::F32, &BTreeMap::new()).unwrap();
        let options = LoadOptions::default();
        let (again, report) = load_vit::<Flex>(&path, None, &options, &Default::default()).unwrap();
        assert_eq!(report.config, config, "{golden}");
        assert_eq!(fingerprint(&again), fingerprint(&vit), "{golden}");
        // Another interpolation has the same tensors; only the stored configuration tells.
        let other = VitConfig {
            interpolation: match config.interpolation {
                Interpolation::Bicubic => Interpolation::Antialiased,
                _ => Interpolation::Bicubic,
            },
            ..config
        };
        let text = load_vit::<Flex>(&path, Some(&other), &options, &Default::default())
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(text.contains("interpolation is"), "{text}");
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

#[test]
fn resolutions_are_checked() {
    let device = Default::default();
    let ground = VitConfig {
        image_size: 8,
        patch_size: 4,
        dim: 8,
        depth: 1,
        heads: 2,
        mlp_dim: 8,
        positions: PositionKind::SinCosGround,
        ..VitConfig::default()
    };
    let vit = Vit::<Flex>::init(&ground, 1, &device).unwrap();
    for wrong in [&[][..], &[0.0], &[-1.0], &[f64::NAN], &[1.0, f64::INFINITY]] {
        assert!(vit.at_resolution(wrong).is_err(), "{wrong:?}");
    }
    let other = VitConfig {
        positions: PositionKind::Learned,
        ..ground
    };
    let vit = Vit::<Flex>::init(&other, 1, &device).unwrap();
    assert!(vit.at_resolution(&[1.0]).is_err());
}

/// What was saved before the options of the zoo existed reads as it did, and new options are compared.
#[test]
fn options_that_are_not_written_have_their_defaults() {
    let plain = serde_json::to_string(&VitConfig::default()).unwrap();
    for field in [
        "interpolation",
        "channel_groups",
        "pre_norm",
        "patch_bias",
        "projection",
    ] {
        assert!(!plain.contains(field), "{plain}");
    }
    let every = VitConfig {
        patch_bias: false,
        pre_norm: true,
        projection: Some(8),
        interpolation: Interpolation::BicubicOffset,
        channel_groups: Some(ChannelGroups {
            groups: vec![vec![0], vec![1, 2]],
            dim: 64,
        }),
        ..VitConfig::default()
    };
    let text = serde_json::to_string(&every).unwrap();
    assert_eq!(serde_json::from_str::<VitConfig>(&text).unwrap(), every);
}
