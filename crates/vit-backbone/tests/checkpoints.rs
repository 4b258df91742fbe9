//! Loading the containers, number types and nestings of published checkpoints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::Tensor;
use burn_flex::Flex;
use testkit::{Tolerance, assert_close, golden_root};
use vit_backbone::{
    BackboneError, ConfigSource, Format, Heads, LoadOptions, LoadReport, UnusedReason, Vit,
    VitConfig, load_vit, sha256_file,
};

fn file(name: &str) -> PathBuf {
    golden_root().join("vit-backbone/checkpoints").join(name)
}

fn two_heads() -> LoadOptions {
    LoadOptions {
        heads: Heads::Given(2),
        ..LoadOptions::default()
    }
}

fn load(name: &str, options: &LoadOptions) -> Result<(Vit<Flex>, LoadReport), BackboneError> {
    load_vit(file(name), None, options, &Default::default())
}

fn message(result: Result<(Vit<Flex>, LoadReport), BackboneError>) -> String {
    result.expect_err("an error").to_string()
}

fn same_output(a: &Vit<Flex>, b: &Vit<Flex>, tolerance: Tolerance, what: &str) {
    let pixels = (0..192).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<_>>();
    let image = Tensor::<Flex, 1>::from_floats(pixels.as_slice(), &Default::default())
        .reshape([1, 3, 8, 8]);
    let output = |vit: &Vit<Flex>| vit.forward(image.clone(), &()).into_data();
    assert_close(&output(a), &output(b), tolerance, what);
}

#[test]
fn every_container_and_type_gives_the_same_model() {
    let (reference, report) = load("f32.safetensors", &two_heads()).unwrap();
    assert_eq!(report.config_source, ConfigSource::Inferred);
    assert_eq!(report.assumed, ["LayerNorm epsilon 1e-6"]);
    assert_eq!(
        report.sha256,
        sha256_file(&file("f32.safetensors")).unwrap()
    );
    for (name, format, nested, prefix, tolerance) in [
        (
            "f16.safetensors",
            Format::Safetensors,
            "",
            "",
            Tolerance::F16_STORED,
        ),
        (
            "bf16.safetensors",
            Format::Safetensors,
            "",
            "",
            Tolerance::BF16_STORED,
        ),
        (
            "f64.safetensors",
            Format::Safetensors,
            "",
            "",
            Tolerance::EXACT,
        ),
        ("mae.pth", Format::PytorchZip, "model", "", Tolerance::EXACT),
        (
            "dino.pth",
            Format::PytorchZip,
            "teacher",
            "module.backbone.",
            Tolerance::EXACT,
        ),
        (
            "half.pth",
            Format::PytorchZip,
            "",
            "",
            Tolerance::F16_STORED,
        ),
        ("views.pth", Format::PytorchZip, "", "", Tolerance::EXACT),
        (
            "legacy.pth",
            Format::PytorchLegacy,
            "",
            "",
            Tolerance::EXACT,
        ),
        (
            "legacy_double.pth",
            Format::PytorchLegacy,
            "model",
            "",
            Tolerance::EXACT,
        ),
    ] {
        let (vit, found) = load(name, &two_heads()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            (found.format, found.nested.as_str(), found.prefix.as_str()),
            (format, nested, prefix),
            "{name}"
        );
        assert_eq!(found.config, report.config, "{name}");
        same_output(&vit, &reference, tolerance, name);
        assert_eq!(found.loaded.len(), report.loaded.len());
    }
}

#[test]
fn extras_are_sorted_by_purpose() {
    let reasons = |name: &str, options: &LoadOptions| {
        let (_, report) = load(name, options).unwrap();
        report
            .unused
            .into_iter()
            .map(|u| (u.found.key, u.reason))
            .collect::<BTreeMap<_, _>>()
    };
    let mae = reasons("mae.pth", &two_heads());
    assert_eq!(mae["mask_token"], UnusedReason::Pretraining);
    assert_eq!(
        mae["decoder_blocks.0.norm1.weight"],
        UnusedReason::Pretraining
    );
    assert_eq!(mae.len(), 3);
    let dino = reasons("dino.pth", &two_heads());
    assert!(
        dino.values()
            .all(|reason| *reason == UnusedReason::Elsewhere)
            && dino.len() == 2
    );
    let prefixed = reasons("prefixed.pth", &two_heads());
    assert_eq!(prefixed["queue"], UnusedReason::Elsewhere);
}

#[test]
fn the_student_is_loaded_when_asked_for() {
    let (teacher, _) = load("dino.pth", &two_heads()).unwrap();
    let (student, report) = load(
        "dino.pth",
        &LoadOptions {
            nested: Some("student".into()),
            ..two_heads()
        },
    )
    .unwrap();
    assert_eq!(report.nested, "student");
    let bias = |vit: &Vit<Flex>| vit.embed.proj.bias.as_ref().unwrap().val();
    assert_close(
        &bias(&student).into_data(),
        &(bias(&teacher) * 2.0).into_data(),
        Tolerance::EXACT,
        "student",
    );
}

#[test]
fn heads_are_never_guessed_silently() {
    let text = message(load("f32.safetensors", &LoadOptions::default()));
    assert!(
        text.contains("heads") && text.contains("f32.safetensors"),
        "{text}"
    );
    let options = LoadOptions {
        heads: Heads::ChannelsPerHead(4),
        ..LoadOptions::default()
    };
    let (_, report) = load("f32.safetensors", &options).unwrap();
    assert_eq!(report.config.heads, 2);
    assert!(
        report
            .assumed
            .iter()
            .any(|a| a.contains("2 attention heads"))
    );
}

#[test]
fn another_size_is_an_error_that_says_both() {
    let (_, report) = load("f32.safetensors", &two_heads()).unwrap();
    let larger = VitConfig {
        image_size: 16,
        ..report.config.clone()
    };
    let result = load_vit::<Flex>(
        file("f32.safetensors"),
        Some(&larger),
        &two_heads(),
        &Default::default(),
    );
    let Err(BackboneError::Mismatch(report)) = result else {
        panic!("a mismatch")
    };
    assert_eq!(report.mismatched.len(), 1);
    assert_eq!(report.mismatched[0].expected.shape, [1, 17, 8]);
    assert_eq!(report.mismatched[0].found.shape, [1, 5, 8]);
    assert!(
        report
            .to_string()
            .contains("pos_embed: expected [1, 17, 8]"),
        "{report}"
    );
    // Not even partial loading accepts another shape.
    let options = LoadOptions {
        allow_missing: true,
        allow_unknown: true,
        ..two_heads()
    };
    assert!(
        load_vit::<Flex>(
            file("f32.safetensors"),
            Some(&larger),
            &options,
            &Default::default()
        )
        .is_err()
    );
}

#[test]
fn partial_loading_is_asked_for_and_reported() {
    let (reference, report) = load("f32.safetensors", &two_heads()).unwrap();
    let deeper = VitConfig {
        depth: 3,
        layer_scale: Some(0.5),
        ..report.config
    };
    let load = |options: &LoadOptions| {
        load_vit::<Flex>(
            file("f32.safetensors"),
            Some(&deeper),
            options,
            &Default::default(),
        )
    };
    let Err(BackboneError::Mismatch(refused)) = load(&two_heads()) else {
        panic!("a mismatch")
    };
    assert!(
        refused
            .missing
            .iter()
            .any(|m| m.name == "blocks.2.attn.qkv.weight")
    );
    let (vit, report) = load(&LoadOptions {
        allow_missing: true,
        ..two_heads()
    })
    .unwrap();
    assert_eq!(report.missing, refused.missing);
    let weight = |vit: &Vit<Flex>| vit.blocks[1].attn.qkv.weight.val().into_data();
    assert_close(
        &weight(&vit),
        &weight(&reference),
        Tolerance::EXACT,
        "what was there",
    );
    assert_eq!(
        vit.blocks[2]
            .ls1
            .as_ref()
            .unwrap()
            .gamma
            .val()
            .into_data()
            .iter::<f32>()
            .next(),
        Some(0.5)
    );
}

#[test]
fn a_part_of_the_model_that_the_configuration_ignores_is_an_error() {
    let (_, report) = load("f32.safetensors", &two_heads()).unwrap();
    let shallower = VitConfig {
        depth: 1,
        ..report.config.clone()
    };
    let result = load_vit::<Flex>(
        file("f32.safetensors"),
        Some(&shallower),
        &two_heads(),
        &Default::default(),
    );
    let Err(BackboneError::Mismatch(refused)) = result else {
        panic!("a mismatch")
    };
    assert!(
        refused
            .unknown()
            .any(|u| u.found.key == "blocks.1.norm1.weight")
    );
    // A final norm that is declined is no error.
    let plain = VitConfig {
        final_norm: false,
        ..report.config
    };
    let (vit, report) = load_vit::<Flex>(
        file("f32.safetensors"),
        Some(&plain),
        &two_heads(),
        &Default::default(),
    )
    .unwrap();
    assert!(vit.norm.is_none());
    assert!(
        report
            .unused
            .iter()
            .all(|u| u.reason == UnusedReason::Declined)
            && report.unused.len() == 2
    );
}
