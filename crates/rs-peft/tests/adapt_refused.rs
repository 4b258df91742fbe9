//! What `rs-peft adapt` and its companions refuse, with which words and exit codes; and the tables they print.

#[allow(dead_code)] // Images that only other tests need.
mod own_images;

use rs_peft::adapt::{AdaptError, AdaptRequest};
use rs_peft::run::Session;

use own_images::{plan, program, request, run, said, write_folder, write_scene};

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
