//! `rs-peft adapt` from a folder of images to a model that predicts: the program's own answers, after a kill too.

#[allow(dead_code)] // Images that only other tests need.
mod own_images;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use rs_datasets::Split;
use rs_peft::ModelManifest;
use rs_peft::adapt::{AdaptRequest, Adapted};
use rs_peft::run::{Predictions, Session};

use own_images::{plan, program, request, run, said, write_folder, write_masks};

#[test]
fn predictions_on_the_files_held_out_are_those_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_folder(&folder.join("chips"), 5);
    // Nothing but the program and the images: the shipped backbone and the defaults are in it.
    let adapt = [
        "adapt",
        "--data",
        "chips",
        "--out",
        "model",
        "--epochs",
        "1",
        "--batch",
        "8",
        "--method",
        "norm_tuning",
        "--json",
    ];
    let output = program(&adapt, folder);
    assert!(output.status.success(), "{}", said(&output));
    let scores: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(scores["n_train"], 12);
    assert_eq!(scores["n_held_out"], 3);
    assert!(!folder.join("model.partial").exists());

    let held_out = Predictions::read(&folder.join("model/held_out.json")).unwrap();
    let files: Vec<String> = held_out
        .ids
        .iter()
        .map(|id| format!("chips/{id}.npy"))
        .collect();
    let mut predict = vec!["predict", "model"];
    predict.extend(files.iter().map(String::as_str));
    predict.extend(["--output", "found.json"]);
    let output = program(&predict, folder);
    assert!(output.status.success(), "{}", said(&output));
    let found: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("found.json")).unwrap()).unwrap();
    let confidence = held_out.confidence.as_ref().unwrap();
    for (at, file) in files.iter().enumerate() {
        let rows = found["predictions"].as_array().unwrap();
        let row = rows.iter().find(|row| row["image"] == **file).unwrap();
        assert_eq!(row["class"], held_out.classes[held_out.predicted[at]]);
        let difference = row["probability"].as_f64().unwrap() - f64::from(confidence[at]);
        assert!(difference.abs() < 1e-5, "{file}: {difference}");
    }
    // A folder, as CSV: one row per image and a header.
    let output = program(
        &["predict", "model", "chips", "--output", "all.csv"],
        folder,
    );
    assert!(output.status.success(), "{}", said(&output));
    let text = std::fs::read_to_string(folder.join("all.csv")).unwrap();
    assert_eq!(text.lines().count(), 16);
    assert!(
        text.starts_with("image,class,probability,p_a,p_b,p_c\n"),
        "{text}"
    );

    // The same arguments again: nothing is trained.
    let output = program(&adapt, folder);
    let again: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(again["finished_before"], true);
    assert_eq!(again["scores"], scores["scores"]);
    // Others: refused, until they are forced.
    let mut other = adapt.to_vec();
    other.extend(["--seed", "1"]);
    let output = program(&other, folder);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--force"), "{}", said(&output));
    other.push("--force");
    assert!(program(&other, folder).status.success());

    let merge = ["merge", "model", "--output", "merged.safetensors"];
    let output = program(&merge, folder);
    assert!(output.status.success(), "{}", said(&output));
    let output = program(&["inspect", "merged.safetensors"], folder);
    assert!(
        said(&output).contains("blocks.0.attn.qkv.weight"),
        "{}",
        said(&output)
    );

    let output = program(
        &["eval", "model", "model", "--data", "chips", "--json"],
        folder,
    );
    let scored: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(scored["images"], 15);
    assert!(scored["metrics"]["accuracy"].is_number(), "{scored}");
}

#[test]
fn a_killed_run_goes_on_and_ends_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_folder(&folder.join("chips"), 5);
    for method in ["lora", "frozen"] {
        let request = AdaptRequest {
            method: Some(method.into()),
            ..request(folder)
        };
        let plan = plan(&request).unwrap();
        let whole = folder.join(format!("whole-{method}"));
        let whole = run(&plan, &whole, Session::default()).unwrap();

        let out = folder.join(format!("killed-{method}"));
        let steps = Cell::new(0);
        let stop = || {
            steps.set(steps.get() + 1);
            steps.get() == 4
        };
        let session = Session {
            stop: Some(&stop),
            checkpoint_steps: Some(1),
            ..Session::default()
        };
        let error = run(&plan, &out, session).unwrap_err().to_string();
        assert!(error.contains("interrupted after step 4"), "{error}");
        assert!(!out.exists());
        // Of six steps four were taken.
        let left = Cell::new(0);
        let count = || {
            left.set(left.get() + 1);
            false
        };
        let session = Session {
            stop: Some(&count),
            ..Session::default()
        };
        let resumed = run(&plan, &out, session).unwrap();
        // Asked after every step but the last.
        assert_eq!(left.get(), 1, "{method}");
        let weights = |adapted: &Adapted| -> BTreeMap<String, String> {
            let files = adapted.manifest.files.iter();
            let files = files.filter(|(name, _)| name.ends_with("safetensors"));
            files
                .map(|(name, f)| (name.clone(), f.sha256.clone()))
                .collect()
        };
        assert_eq!(weights(&whole), weights(&resumed));
        let scores = |adapted: &Adapted| adapted.manifest.training.scores.clone();
        assert_eq!(scores(&whole), scores(&resumed));
        assert!(!folder.join(format!("killed-{method}.partial")).exists());
    }
}

#[test]
fn a_plan_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_folder(&folder.join("chips"), 3);
    for request in [
        request(folder),
        AdaptRequest {
            method: Some("deflect".into()),
            rank: Some(3),
            set: vec![
                "train.warmup=0.25".into(),
                "norm_loss=0.5".into(),
                "deflection.constraint=soft".into(),
            ],
            ..request(folder)
        },
        AdaptRequest {
            adapt_bands: Some(vit_backbone::PatchEmbedInit::Mean),
            method: Some("dora".into()),
            ..request(folder)
        },
    ] {
        // A key without a dot is the method's.
        let request = AdaptRequest {
            set: request
                .set
                .iter()
                .map(|s| s.replace("deflection.", "method.deflection."))
                .collect(),
            ..request
        };
        let first = plan(&request).unwrap();
        let file = folder.join("mine.toml");
        std::fs::write(&file, first.to_toml().unwrap()).unwrap();
        let again = plan(&AdaptRequest {
            experiment: Some(file),
            ..AdaptRequest::default()
        })
        .unwrap();
        assert_eq!(again, first);
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let row = plan(&AdaptRequest {
        experiment: Some(shipped.join("ladder/synthetic/lora.toml")),
        rank: Some(4),
        seed: Some(7),
        ..AdaptRequest::default()
    })
    .unwrap();
    assert_eq!(row.experiment.train.epochs, 6);
    assert_eq!(row.experiment.seeds, [7]);
    let method = serde_json::to_value(&row.experiment.method).unwrap();
    assert_eq!(method["rank"], 4);
    let probe = plan(&AdaptRequest {
        experiment: Some(shipped.join("ladder/synthetic/logistic.toml")),
        ..AdaptRequest::default()
    });
    assert!(probe.unwrap_err().to_string().contains("probe"));
}

#[test]
fn a_class_per_pixel_from_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_masks(folder, 6, 20);
    let request = AdaptRequest {
        data: Some(folder.join("manifest.toml")),
        method: Some("bitfit".into()),
        ..request(folder)
    };
    let plan = plan(&request).unwrap();
    let model = folder.join("model");
    let adapted = run(&plan, &model, Session::default()).unwrap();
    assert!(adapted.manifest.training.scores["miou"].is_some());
    let output = program(&["predict", "model", "images", "--output", "masks"], folder);
    assert!(output.status.success(), "{}", said(&output));
    let mask = image::open(folder.join("masks/0.png"))
        .unwrap()
        .into_luma8();
    assert_eq!(mask.dimensions(), (20, 20));
    assert!(mask.pixels().all(|pixel| pixel.0[0] < 2));
    let data = [
        "eval",
        "model",
        "model",
        "--data",
        "manifest.toml",
        "--json",
    ];
    let output = program(&data, folder);
    let scored: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(scored["metrics"]["miou"].is_number(), "{}", said(&output));
}

#[test]
fn parts_that_the_images_come_in_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (part, each) in [("train", 3), ("val", 2)] {
        let place = folder.join("chips").join(part);
        write_folder(&place, each);
        let text = place.join("dataset.toml");
        std::fs::rename(text, folder.join("chips/dataset.toml")).unwrap();
    }
    let request = AdaptRequest {
        val_fraction: None,
        epochs: Some(1),
        ..request(folder)
    };
    let plan = plan(&request).unwrap();
    let adapted = run(&plan, &folder.join("model"), Session::default()).unwrap();
    let training = &adapted.manifest.training;
    assert_eq!((training.n_train, training.n_held_out), (Some(9), Some(6)));
    let held_out = Predictions::read(&folder.join("model/held_out.json")).unwrap();
    assert!(held_out.ids.iter().all(|id| id.starts_with("val/")));
}

#[test]
fn a_split_file_says_what_is_trained_on_and_what_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_folder(&folder.join("chips"), 8);
    own_images::write_backbone(&folder.join("tiny.safetensors"));
    let split = [
        "data",
        "split",
        "chips",
        "--test",
        "0.25",
        "--label-fraction",
        "0.5",
        "--output",
        "chips.split",
    ];
    let output = program(&split, folder);
    assert!(output.status.success(), "{}", said(&output));
    let written = Split::read(&folder.join("chips.split")).unwrap();
    let first = [
        "adapt",
        "--data",
        "chips",
        "--backbone",
        "tiny.safetensors",
        "--size",
        "16",
        "--epochs",
        "1",
        "--out",
        "model",
    ];
    let adapt = [&first[..], &["--split", "chips.split"]].concat();
    let output = program(&adapt, folder);
    assert!(output.status.success(), "{}", said(&output));
    let manifest = ModelManifest::read(&folder.join("model")).unwrap();
    let training = &manifest.training;
    assert_eq!((training.n_train, training.n_held_out), (Some(9), Some(6)));
    assert_eq!(
        training.split_sha256.as_deref(),
        Some(written.sha256().as_str())
    );
    let held_out = Predictions::read(&folder.join("model/held_out.json")).unwrap();
    assert_eq!(held_out.ids, written.part("test").unwrap());

    // A sample that is not there, and two ways of dividing at once.
    let gone = &written.part("test").unwrap()[0];
    std::fs::remove_file(folder.join("chips").join(format!("{gone}.npy"))).unwrap();
    let output = program(
        &[&first[..10], &["other", "--split", "chips.split"]].concat(),
        folder,
    );
    assert!(
        !output.status.success() && said(&output).contains(gone),
        "{}",
        said(&output)
    );
    assert!(!folder.join("other").exists());
    let both = [&adapt[..], &["--val-fraction", "0.5"]].concat();
    assert_eq!(program(&both, folder).status.code(), Some(2));
}
