//! Model directories: what a run keeps, loaded again, says what the run said; whatever is damaged is refused with a remedy.

mod adapted;

use std::path::Path;

use burn_flex::Flex;
use rs_datasets::{Dataset, Image, Sample};
use rs_peft::adapted::{AdaptedError, AdaptedModel, LoadModelOptions};
use rs_peft::run::Predictions;

use adapted::{Kept, keep, scenes};

fn load(kept: &Kept) -> AdaptedModel<Flex> {
    AdaptedModel::load(&kept.model, &Default::default()).unwrap()
}

/// The samples of a run's predictions, in their order.
fn samples(kept: &Kept, ids: &[String]) -> Vec<Sample> {
    let scenes = scenes(&kept.experiment);
    ids.iter()
        .map(|id| scenes.load(scenes.index_of(id).unwrap()).unwrap())
        .collect()
}

/// That the loaded model says of the run's test images what the run said.
fn says_the_same(kept: &Kept) {
    let said = Predictions::read(&kept.folder().join("seed-0.predictions.json")).unwrap();
    let model = load(kept);
    assert_eq!(model.manifest().classes, said.classes);
    let found = model.classify(&samples(kept, &said.ids)).unwrap();
    let confidence = said.confidence.unwrap();
    assert!(found.len() >= 5);
    for (at, found) in found.iter().enumerate() {
        assert_eq!(found.class, said.predicted[at], "{}", said.ids[at]);
        let difference = (found.probabilities[found.class] - f64::from(confidence[at])).abs();
        assert!(difference < 1e-5, "{}: {difference}", said.ids[at]);
    }
}

#[test]
fn every_kind_of_method_says_the_same_when_it_is_loaded() {
    for row in ["frozen_spectral", "lora_random", "deflect", "houlsby"] {
        let kept = keep("deflect/small/synthetic", row, |_| {});
        says_the_same(&kept);
        let manifest = load(&kept).manifest().clone();
        assert_eq!(manifest.training.n_held_out, Some(10));
        let name = match row {
            "frozen_spectral" => "frozen",
            "lora_random" => "lora",
            other => other,
        };
        assert_eq!(manifest.method.name, name);
        let card = std::fs::read_to_string(kept.model.join("README.md")).unwrap();
        assert!(
            card.contains("| accuracy |") && card.contains("split `"),
            "{card}"
        );
    }
}

#[test]
fn a_class_per_pixel_is_that_of_the_run() {
    for row in ["lora_linear", "deflect", "frozen_spectral"] {
        let kept = keep("deflect/small/synthetic_segmentation", row, |_| {});
        let model = load(&kept);
        let scenes = scenes(&kept.experiment);
        let held_out = kept.held_out();
        let scored = model.score(&scenes, &held_out).unwrap();
        for (name, value) in &kept.output.result.metrics {
            let found = scored.metrics[name];
            let same = match (value, found) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-9,
                (a, b) => a.is_none() && b.is_none(),
            };
            assert!(same, "{row}, {name}: {value:?} {found:?}");
        }
        // Windows of 32 pixels alone, and their logits.
        let whole = scenes.load(held_out[0]).unwrap();
        let window = crop(&whole.image, 32);
        let logits = model.logits(&[window.clone(), window]).unwrap();
        assert_eq!(logits.shape, [2, 16, 32, 32]);
        let (one, two) = logits.values.split_at(16 * 32 * 32);
        assert!(one.iter().zip(two).all(|(a, b)| (a - b).abs() < 1e-5));
        let odd = model.logits(&[crop(&whole.image, 30)]).unwrap_err();
        assert!(odd.to_string().contains("multiples of the patch"), "{odd}");
        let map = model.label_map(&whole).unwrap();
        assert_eq!((map.height, map.width), (48, 48));
        assert!(map.valid.iter().all(|valid| *valid));
    }
}

fn crop(image: &Image, side: usize) -> Image {
    let mut data = Vec::new();
    for band in 0..image.bands.len() {
        for row in 0..side {
            data.extend(&image.band(band)[row * image.width..row * image.width + side]);
        }
    }
    Image::new(image.bands.clone(), image.unit, side, side, data).unwrap()
}

#[test]
fn images_that_the_model_cannot_take_are_named() {
    let kept = keep("deflect/small/synthetic", "lora", |_| {});
    let model = load(&kept);
    let whole = scenes(&kept.experiment).load(0).unwrap();
    let refuse = |image: Image| model.logits(&[image]).unwrap_err();

    let mut nothing = whole.image.clone();
    nothing.data.fill(f32::NAN);
    assert!(matches!(
        refuse(nothing),
        AdaptedError::NothingMeasured { .. }
    ));
    // Some missing pixels are no reason to refuse an image.
    let mut some = whole.image.clone();
    some.data[..200].fill(f32::NAN);
    let logits = model.logits(&[some]).unwrap();
    assert!(logits.values.iter().all(|value| value.is_finite()));

    let mut other = whole.image.clone();
    other.unit = rs_datasets::InputUnit::Reflectance;
    let error = refuse(other).to_string();
    assert!(
        error.contains("Reflectance") && error.contains("DigitalNumber"),
        "{error}"
    );

    let first = rs_datasets::BandSet::new(whole.image.bands.as_slice()[..2].to_vec()).unwrap();
    let area = whole.image.height * whole.image.width;
    let few = Image::new(
        first.into(),
        whole.image.unit,
        whole.image.height,
        whole.image.width,
        whole.image.data[..2 * area].to_vec(),
    );
    let error = refuse(few.unwrap()).to_string();
    assert!(error.contains("no band B04, B03"), "{error}");
    let error = model.label_map(&whole).unwrap_err().to_string();
    assert!(error.contains("segmentation"), "{error}");
    assert_eq!(model.logits(&[]).unwrap().shape, [0, 10]);
}

fn error_of(directory: &Path) -> AdaptedError {
    AdaptedModel::<Flex>::load(directory, &Default::default()).unwrap_err()
}

#[test]
fn damage_is_found_before_anything_is_loaded() {
    let kept = keep("deflect/small/synthetic", "lora", |_| {});
    let flip = |file: &str| {
        let path = kept.model.join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = error_of(&kept.model);
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        error
    };
    for file in [
        "adapter/adapter_model.safetensors",
        "adapter/rs_peft.json",
        "backbone.safetensors",
        "README.md",
    ] {
        let error = flip(file);
        assert!(
            matches!(error, AdaptedError::Hash { .. }),
            "{file}: {error}"
        );
        assert!(error.to_string().contains("copy the model directory again"));
    }
    load(&kept);

    let manifest = kept.model.join("model.json");
    let damaged = flip("model.json").to_string();
    assert!(damaged.contains("model.json"), "{damaged}");
    // Without its checksum, as an earlier version wrote it.
    let (text, seal) = rs_peft::peft_lora::seal::open_json(std::fs::read(&manifest).unwrap());
    assert_eq!(seal, rs_peft::peft_lora::seal::Seal::Whole);
    let text = String::from_utf8(text).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        std::fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        error_of(&kept.model)
    };
    let newer = with("\"format_version\": 1", "\"format_version\": 2");
    assert!(
        matches!(newer, AdaptedError::Version { found: 2, .. }),
        "{newer}"
    );
    let outside = with("\"adapter\": \"adapter\"", "\"adapter\": \"../adapter\"");
    assert!(outside.to_string().contains("no path inside"), "{outside}");
    let strange = with("\"task\"", "\"tusk\"");
    assert!(
        matches!(strange, AdaptedError::Manifest { .. }),
        "{strange}"
    );
    std::fs::write(&manifest, &text).unwrap();

    let lost = kept.model.join("adapter/adapter_model.safetensors");
    let bytes = std::fs::read(&lost).unwrap();
    std::fs::remove_file(&lost).unwrap();
    assert!(matches!(
        error_of(&kept.model),
        AdaptedError::Missing { .. }
    ));
    std::fs::write(&lost, bytes).unwrap();
    assert!(matches!(
        error_of(kept.model.parent().unwrap()),
        AdaptedError::NotAModel { .. }
    ));

    // Another file in the backbone's place.
    let options = LoadModelOptions {
        backbone: Some(lost),
    };
    let device = Default::default();
    let other = AdaptedModel::<Flex>::load_with(&kept.model, &options, &device).unwrap_err();
    assert!(
        matches!(other, AdaptedError::OtherBackbone { .. }),
        "{other}"
    );
    assert!(other.to_string().contains("--backbone FILE"), "{other}");
}

#[test]
fn merging_changes_no_logit() {
    for row in ["norm_tuning", "lora_random"] {
        let kept = keep("deflect/small/synthetic", row, |experiment| {
            // Far enough from the base for a difference to show.
            experiment.train.learning_rate = 0.02;
        });
        let model = load(&kept);
        let image = scenes(&kept.experiment).load(1).unwrap().image;
        let images = [image];
        let own = model.logits(&images).unwrap().values;
        let file = kept.model.parent().unwrap().join("merged.safetensors");
        model.save_merged(&file).unwrap();
        let merged = model.merged().unwrap();
        let largest = own
            .iter()
            .zip(merged.logits(&images).unwrap().values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(largest < 1e-4, "{row}: {largest}");
        // The file holds that backbone.
        let options = vit_backbone::LoadOptions::default();
        let (vit, report) =
            vit_backbone::load_vit::<Flex>(&file, None, &options, &Default::default()).unwrap();
        assert_eq!(report.config.in_channels, kept.experiment.input.bands.len());
        let held = merged.merged_backbone().unwrap();
        assert_eq!(
            vit_backbone::fingerprint(&vit),
            vit_backbone::fingerprint(&held)
        );
        let described = report.metadata.contains_key(rs_peft::run::INPUT_METADATA);
        assert_eq!(described, row != "lora_random");
    }
    let kept = keep("deflect/small/synthetic", "deflect", |_| {});
    let error = load(&kept).merged_backbone().unwrap_err();
    assert!(
        matches!(error, AdaptedError::NotMergeable { .. }),
        "{error}"
    );
}
