//! `rs-peft adapt` from a folder of images to a model that predicts: the program's own answers, after a kill too, and its refusals.

mod own_images;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use rs_peft::BackendKind;
use rs_peft::adapt::{AdaptError, AdaptPlan, AdaptRequest, AdaptRun, Adapted, resolve};
use rs_peft::adapted::KeepBackbone;
use rs_peft::run::{Predictions, Session};

use own_images::{write_backbone, write_folder, write_masks, write_scene};

fn request(folder: &Path) -> AdaptRequest {
    write_backbone(&folder.join("tiny.safetensors"));
    AdaptRequest {
        data: Some(folder.join("chips")),
        backbone: Some(folder.join("tiny.safetensors").to_string_lossy().into()),
        size: Some(16),
        epochs: Some(2),
        batch: Some(4),
        val_fraction: Some(0.4),
        ..AdaptRequest::default()
    }
}

fn plan(request: &AdaptRequest) -> Result<AdaptPlan, AdaptError> {
    resolve(request, tempfile::tempdir().unwrap().path())
}

fn run(plan: &AdaptPlan, out: &Path, session: Session<'_>) -> Result<Adapted, AdaptError> {
    let clock = || Duration::ZERO;
    AdaptRun {
        plan,
        out,
        backend: BackendKind::Flex,
        keep: KeepBackbone::Small,
        force: false,
        session,
        clock: &clock,
    }
    .run()
}

fn program(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

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
fn what_cannot_be_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_folder(&folder.join("chips"), 3);
    let usage = |request: AdaptRequest, words: &[&str]| {
        let error = plan(&request).unwrap_err();
        assert!(matches!(error, AdaptError::Usage { .. }), "{error}");
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    };
    let base = request(folder);
    usage(
        AdaptRequest {
            data: None,
            ..base.clone()
        },
        &["--data"],
    );
    let method = |name: &str| AdaptRequest {
        method: Some(name.into()),
        ..base.clone()
    };
    usage(method("lorra"), &["lorra", "lora", "deflect", "lora-r8-qv"]);
    usage(
        AdaptRequest {
            rank: Some(4),
            ..method("bitfit")
        },
        &["--rank", "lora"],
    );
    usage(
        AdaptRequest {
            bands: vec!["B08".into()],
            ..base.clone()
        },
        &["--adapt-bands"],
    );
    usage(
        AdaptRequest {
            task: Some(rs_datasets::Task::Segmentation),
            ..base.clone()
        },
        &["--task", "manifest"],
    );
    usage(
        AdaptRequest {
            task: Some(rs_datasets::Task::OrientedDetection),
            ..base.clone()
        },
        &["repro"],
    );
    usage(
        AdaptRequest {
            set: vec!["train.epochs".into()],
            ..base.clone()
        },
        &["KEY=VALUE"],
    );
    let typo = plan(&AdaptRequest {
        set: vec!["train.epoch=3".into()],
        ..base.clone()
    });
    assert!(typo.unwrap_err().to_string().contains("epoch"));

    // From the program: exit codes.
    let output = program(
        &[
            "adapt", "--data", "chips", "--method", "lorra", "--out", "m",
        ],
        folder,
    );
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let output = program(&["adapt", "--data", "nowhere", "--out", "m"], folder);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let output = program(&["adapt", "--nonsense"], folder);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.join("m.partial").exists());

    // A class that has a folder in one part alone.
    std::fs::create_dir_all(folder.join("parts")).unwrap();
    for (part, classes) in [("train", "ab"), ("test", "a")] {
        for class in classes.chars() {
            let place = folder.join(format!("parts/{part}/{class}"));
            std::fs::create_dir_all(&place).unwrap();
            write_scene(&place.join("1.npy"), 0, 1);
        }
    }
    std::fs::create_dir_all(folder.join("parts/test/b")).unwrap();
    std::fs::create_dir_all(folder.join("parts/train/c")).unwrap();
    let text = std::fs::read(folder.join("chips/dataset.toml")).unwrap();
    std::fs::write(folder.join("parts/dataset.toml"), text).unwrap();
    let error = plan(&AdaptRequest {
        data: Some(folder.join("parts")),
        ..base.clone()
    });
    let text = error.unwrap_err().to_string();
    assert!(text.contains("`c`"), "{text}");
}

#[test]
fn images_without_a_measurement_and_of_other_bands_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_folder(&folder.join("chips"), 4);
    // Some missing pixels among the training images do no harm.
    own_images::write_holes(&folder.join("chips/a/holes.npy"), 40);
    let plan = plan(&request(folder)).unwrap();
    let adapted = run(&plan, &folder.join("model"), Session::default()).unwrap();
    let finite = adapted
        .manifest
        .training
        .scores
        .values()
        .flatten()
        .all(|v| v.is_finite());
    assert!(finite);

    own_images::write_holes(&folder.join("nothing.npy"), usize::MAX);
    let refuse = |file: &str, words: &[&str]| {
        let output = program(&["predict", "model", file, "--output", "found.csv"], folder);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        for word in words {
            assert!(said(&output).contains(word), "{word}: {}", said(&output));
        }
        assert!(!folder.join("found.csv").exists());
    };
    refuse(
        "nothing.npy",
        &["nothing.npy", "no pixel holds a measurement"],
    );
    own_images::write_bands(&folder.join("four.npy"), 4);
    refuse("four.npy", &["four.npy has 4 bands", "13", "--bands"]);
    refuse("absent.npy", &["absent.npy"]);
    let rgb = image::RgbImage::new(8, 8);
    rgb.save(folder.join("rgb.png")).unwrap();
    refuse("rgb.png", &["13"]);
    // Bands by name: three of them are enough.
    own_images::write_bands(&folder.join("three.npy"), 3);
    let named = [
        "predict",
        "model",
        "three.npy",
        "--bands",
        "B02,B03,B04",
        "--output",
        "found.csv",
    ];
    let output = program(&named, folder);
    assert!(output.status.success(), "{}", said(&output));
    let output = program(
        &["predict", "model", "chips", "--output", "found.txt"],
        folder,
    );
    assert!(said(&output).contains(".csv or .json"), "{}", said(&output));
}

#[test]
fn tables_and_completions_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(&["methods", "--json"], folder.path());
    let table: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = table["methods"].as_array().unwrap();
    let count = |name: &str| {
        let row = rows.iter().find(|row| row["method"] == name).unwrap();
        row["trained_parameters"].as_u64()
    };
    // As the runs of the ladder and of DEFLECT count them.
    assert_eq!(count("norm_tuning"), Some(6_528));
    assert_eq!(count("bitfit"), Some(17_280));
    assert_eq!(count("lora"), Some(196_608));
    assert_eq!(count("deflect"), Some(36_288));
    assert_eq!(count("frozen"), Some(0));
    // By the formulas of the table: eight blocks of width 192 and 768, ranks 8 and 16, width 64, ten prompts.
    let maps = [(192, 576), (192, 192), (192, 768), (768, 192)];
    let over = |each: &dyn Fn(u64, u64) -> u64| maps.iter().map(|&(i, o)| each(i, o)).sum::<u64>();
    assert_eq!(count("dora"), Some(8 * over(&|i, o| 8 * (i + o) + o)));
    assert_eq!(count("ia3"), Some(8 * (2 * 192 + 768)));
    assert_eq!(count("slr"), Some(8 * over(&|i, o| 17 * (i + o) + 16 + o)));
    let bottleneck = 2 * 64 * 192 + 64 + 192;
    assert_eq!(count("houlsby"), Some(16 * bottleneck + 6_528));
    assert_eq!(count("adaptformer"), Some(8 * bottleneck));
    assert_eq!(count("vpt"), Some(10 * 192));
    assert_eq!(count("full"), table["parameters"].as_u64());
    assert!(
        rows.iter()
            .all(|row| row["trains"].as_str().is_some_and(|text| !text.is_empty()))
    );
    let output = program(&["methods", "--backbone", "nothing"], folder.path());
    assert!(said(&output).contains("known ones"), "{}", said(&output));
    let output = program(&["models", "--only", "prithvi", "--json"], folder.path());
    let models: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        models
            .as_array()
            .unwrap()
            .iter()
            .all(|model| model["licence"].is_string())
    );
    for shell in ["bash", "zsh", "fish"] {
        let output = program(&["completions", shell], folder.path());
        assert!(said(&output).contains("adapt"), "{shell}");
    }
    for command in ["adapt", "predict", "merge", "methods", "models"] {
        let help = said(&program(&[command, "--help"], folder.path()));
        assert!(
            help.contains(&format!("rs-peft {command}")) && help.contains("Example"),
            "{help}"
        );
    }
    assert!(said(&program(&["--help"], folder.path())).contains("Exit codes"));
}
