//! The presets at full size: parameter counts of the published packages, and recognition from headers of published shapes.

mod support;

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use burn_flex::Flex;
use serde::Deserialize;
use testkit::{Golden, golden_root};
use vit_backbone::{
    BackboneError, ChannelGroups, Dtype, Family, Heads, Interpolation, LoadOptions, PositionKind,
    Vit, VitConfig, fingerprint, load_vit, preset, presets, recognise, save_vit, zoo_page,
};

use support::{shapes, sparse};

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

#[test]
fn the_page_is_the_generated_one() {
    let errors = golden_root().join("vit-backbone/zoo_errors.json");
    let errors = serde_json::from_str(&std::fs::read_to_string(errors).unwrap()).unwrap();
    let page = golden_root().join("../../docs/zoo.md");
    assert_eq!(
        std::fs::read_to_string(page).unwrap(),
        zoo_page(&errors),
        "write it again: cargo run -p vit-backbone --example zoo_page > docs/zoo.md"
    );
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
        ("dinov3", "zoo_dinov3_hf"),
        ("dinov3_gated_own", "zoo_dinov3_gated_own_weights.pth"),
        ("prithvi_tl", "zoo_prithvi_tl_weights.pt"),
        ("dofa", "zoo_dofa_weights.pth"),
        ("clay", "zoo_clay_weights.ckpt"),
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

/// The fixed table of a file is that of the frames it was trained with; another number has another table.
#[test]
fn any_number_of_frames_is_computed() {
    let config = VitConfig {
        in_channels: 2,
        frames: Some(1),
        ..config_of("prithvi_v1")
    };
    let options = LoadOptions::default();
    let device = Default::default();
    let path = fixture("zoo_prithvi_v1_weights.pt");
    let (vit, report) = load_vit::<Flex>(&path, Some(&config), &options, &device).unwrap();
    assert!(report.assumed.iter().any(|a| a.contains("1 frames")));
    assert_eq!(
        vit.forward(Tensor::zeros([1, 2, 16, 16], &device), &())
            .dims(),
        [1, 17, 32]
    );
}

/// A directory that transformers wrote holds the same model as the file whose weights it has: shapes say the most of the
/// configuration, `config.json` the rest.
#[test]
fn directories_of_transformers_hold_the_same_models() {
    for (golden, weights, directory, families) in [
        (
            "mae",
            "zoo_mae_weights.pth",
            "zoo_mae_hf",
            vec![Family::Mae, Family::ScaleMae],
        ),
        (
            "dino",
            "zoo_dino_weights.pth",
            "zoo_dino_hf",
            vec![Family::Dino, Family::Supervised],
        ),
        (
            "dinov2",
            "zoo_dinov2_weights.safetensors",
            "zoo_dinov2_hf",
            vec![Family::DinoV2],
        ),
        (
            "clip",
            "zoo_clip_weights.safetensors",
            "zoo_clip_hf",
            vec![Family::Clip],
        ),
    ] {
        let config = config_of(golden);
        let mut plain = load(weights, &config).unwrap();
        plain.projection = None; // `CLIPVisionModel` has none
        let path = fixture(directory);
        let options = LoadOptions::default();
        let (vit, report) = load_vit::<Flex>(&path, None, &options, &Default::default())
            .unwrap_or_else(|e| panic!("{directory}: {e}"));
        let expected = VitConfig {
            interpolation: Interpolation::Antialiased,
            projection: None,
            ..config
        };
        assert_eq!(report.config, expected, "{directory}");
        assert!(report.assumed.is_empty(), "{directory}: {report}");
        assert_eq!(fingerprint(&vit), fingerprint(&plain), "{directory}");
        assert_eq!(recognise(&path).unwrap().families, families, "{directory}");
    }
}

/// At its wavelengths a model is a plain one, whose configuration and file are plain too.
#[test]
fn wavelengths_make_a_plain_model() {
    let config = config_of("dofa");
    let device = Default::default();
    let vit = load("zoo_dofa_weights.pth", &config).unwrap();
    let plain = vit.at_wavelengths(&[0.49, 2.19]).unwrap();
    let plain_config = config.at_wavelengths(2);
    let image = Tensor::ones([1, 2, 16, 16], &device);
    let tokens = plain.forward(image.clone(), &());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.safetensors");
    save_vit(&plain, &plain_config, &path, Dtype::F32, &BTreeMap::new()).unwrap();
    let options = LoadOptions::default();
    let (again, report) = load_vit::<Flex>(&path, None, &options, &device).unwrap();
    assert_eq!(report.config, plain_config);
    let difference = (again.forward(image, &()) - tokens)
        .abs()
        .max()
        .into_scalar();
    assert_eq!(difference, 0.0);
    // The model as loaded is the one at the wavelengths of its configuration.
    let image = Tensor::ones([1, 3, 16, 16], &device);
    let waves = config.spectral_embed.unwrap().wavelengths;
    let nominal = vit
        .at_wavelengths(&waves)
        .unwrap()
        .forward(image.clone(), &());
    let difference = (vit.forward(image, &()) - nominal)
        .abs()
        .max()
        .into_scalar();
    assert_eq!(difference, 0.0);
    for wrong in [&[][..], &[0.0], &[-1.0], &[f64::NAN], &[f64::INFINITY]] {
        assert!(vit.at_wavelengths(wrong).is_err(), "{wrong:?}");
    }
    assert!(plain.at_wavelengths(&[0.49]).is_err());
    assert!(plain.at_metadata(&[[0.0; 8]]).is_err());
    let clay = load("zoo_clay_weights.ckpt", &config_of("clay")).unwrap();
    assert!(clay.at_metadata(&[[2.0; 8]]).is_err() && clay.at_metadata(&[]).is_err());
    assert!(clay.at_resolution(&[-1.0]).is_err());
}

#[test]
fn dates_and_places_are_checked() {
    let config = config_of("prithvi_tl");
    let vit = load("zoo_prithvi_tl_weights.pt", &config).unwrap();
    for dates in [
        vec![],
        vec![vec![[2020.0, 1.0]]],
        vec![vec![[2020.0, 1.0], [f64::NAN, 1.0]]],
    ] {
        assert!(vit.at_dates(&dates).is_err(), "{dates:?}");
    }
    assert!(vit.at_places(&[]).is_err());
    assert!(vit.at_places(&[[f64::INFINITY, 0.0]]).is_err());
    let without = load("zoo_prithvi_v1_weights.pt", &config_of("prithvi_v1")).unwrap();
    assert!(without.at_places(&[[1.0, 2.0]]).is_err());
    assert!(without.at_dates(&[vec![[2020.0, 1.0]; 3]]).is_err());
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
        "frames",
        "coordinates",
        "patch_padding",
        "spectral_embed",
        "proj_bias",
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

/// What names and shapes say of a configuration is read off them; what they do not say is assumed and reported.
#[test]
fn configurations_are_inferred_from_every_naming() {
    for (golden, weights) in [
        ("mae", "zoo_mae_weights.pth"),
        ("mae", "zoo_cross_scale_weights.pth"),
        ("dino", "zoo_dino_weights.pth"),
        ("dinov2_reg4", "zoo_dinov2_reg4_weights.safetensors"),
        ("dinov2_own", "zoo_dinov2_own_weights.pth"),
        ("dinov3", "zoo_dinov3_hf"),
        ("dinov3_gated_own", "zoo_dinov3_gated_own_weights.pth"),
        ("prithvi_v1", "zoo_prithvi_v1_weights.pt"),
        ("prithvi_tl", "zoo_prithvi_tl_weights.pt"),
        ("supervised", "zoo_supervised_weights.safetensors"),
        ("clip", "zoo_clip_weights.safetensors"),
    ] {
        let options = LoadOptions {
            heads: Heads::Given(config_of(golden).heads),
            ..LoadOptions::default()
        };
        let (_, report) =
            load_vit::<Flex>(fixture(weights), None, &options, &Default::default()).unwrap();
        let mut expected = VitConfig {
            interpolation: Interpolation::Antialiased,
            ..config_of(golden)
        };
        if expected.frames.is_some() {
            expected.interpolation = Interpolation::BicubicCorners;
        }
        if expected.positions == PositionKind::Rotary && !weights.ends_with("_hf") {
            expected.image_size = 224; // no grid is stored
        }
        assert_eq!(report.config, expected, "{weights}");
    }
    let options = LoadOptions {
        heads: Heads::Given(3),
        ..LoadOptions::default()
    };
    let (_, report) = load_vit::<Flex>(
        fixture("zoo_clip_quick_weights.pth"),
        None,
        &options,
        &Default::default(),
    )
    .unwrap();
    assert!(report.assumed.iter().any(|a| a.contains("QuickGELU")));
    // Which channels form a group is stored nowhere.
    let text = load_vit::<Flex>(
        fixture("zoo_satmae_weights.pth"),
        None,
        &options,
        &Default::default(),
    )
    .map(|_| ())
    .unwrap_err()
    .to_string();
    assert!(text.contains("group"), "{text}");
}
