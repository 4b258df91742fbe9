//! Model directories of every format version that was released still load and say what they said.

#[allow(dead_code)] // Images that only other tests need.
mod own_images;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use burn_flex::Flex;
use rs_datasets::Image;
use rs_peft::BackendKind;
use rs_peft::adapt::{AdaptRequest, AdaptRun, resolve};
use rs_peft::adapted::{AdaptedModel, KeepBackbone};
use rs_peft::run::Session;

/// The version that [`write_fixtures`] writes.
const VERSION: u32 = 1;

fn fixtures(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/model-v{version}"))
}

/// An image that needs no file: digital numbers that differ from place to place.
fn image(model: &AdaptedModel<Flex>) -> Image {
    let input = &model.manifest().input;
    let data = (0..input.bands.len() * 256).map(|at| (at * 104_729 % 3_001) as f32);
    let bands = Arc::new(input.bands.clone());
    Image::new(bands, input.unit, 16, 16, data.collect()).unwrap()
}

fn expected(folder: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(folder.join("expected.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn models_of_format_version_1_say_what_they_said() {
    for name in ["classes", "pixels"] {
        let folder = fixtures(1).join(name);
        let model = AdaptedModel::<Flex>::load(&folder.join("model"), &Default::default()).unwrap();
        assert_eq!(model.manifest().format_version, 1);
        let found = model.logits(&[image(&model)]).unwrap();
        let (shape, values) = expected(&folder);
        assert_eq!(found.shape, shape);
        assert!(values.len() >= 3);
        for (found, expected) in found.values.iter().zip(&values) {
            let close = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
            assert!(close, "{name}: {found} {expected}");
        }
    }
}

/// Writes the fixtures of the current version. They are committed once per version and never written again.
#[test]
#[ignore = "writes the fixtures of a new format version"]
fn write_fixtures() {
    assert_eq!(rs_peft::adapted::FORMAT_VERSION, VERSION);
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    own_images::write_folder(&folder.join("chips"), 4);
    own_images::write_masks(folder, 4, 16);
    own_images::write_backbone(&folder.join("tiny.safetensors"));
    for (name, data, method) in [
        ("classes", "chips", "lora"),
        ("pixels", "manifest.toml", "deflect"),
    ] {
        let request = AdaptRequest {
            data: Some(folder.join(data)),
            method: Some(method.into()),
            rank: Some(2),
            backbone: Some(folder.join("tiny.safetensors").to_string_lossy().into()),
            size: Some(16),
            epochs: Some(1),
            batch: Some(2),
            ..AdaptRequest::default()
        };
        let plan = resolve(&request, folder).unwrap();
        let target = fixtures(VERSION).join(name);
        std::fs::create_dir_all(&target).unwrap();
        let clock = || Duration::ZERO;
        let model = target.join("model");
        let run = AdaptRun {
            plan: &plan,
            out: &model,
            backend: BackendKind::Flex,
            keep: KeepBackbone::Small,
            force: true,
            session: Session::default(),
            clock: &clock,
        };
        run.run().unwrap();
        // The places of the images are nobody's business.
        let manifest = model.join("model.json");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let real = folder.canonicalize().unwrap();
        let text = text.replace(&*real.to_string_lossy(), "/data");
        std::fs::write(&manifest, text).unwrap();
        let model = AdaptedModel::<Flex>::load(&model, &Default::default()).unwrap();
        let found = model.logits(&[image(&model)]).unwrap();
        let kept: Vec<f32> = found.values.into_iter().take(64).collect();
        let bytes = serde_json::to_vec(&(found.shape, kept)).unwrap();
        std::fs::write(target.join("expected.json"), bytes).unwrap();
    }
}
