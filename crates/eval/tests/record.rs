//! Run records: identity, round trip, strictness, and files that are whole or absent.

mod common;

use std::fs;
use std::path::Path;

use eval::EvalError;
use eval::record::{DataKind, InputHashes, RunRecord, content_id, read_records, write_atomically};
use serde_json::{Value, json};

fn record() -> RunRecord {
    common::record(
        "experiment",
        DataKind::Real,
        4,
        3,
        &common::CLASSES[..3],
        30,
    )
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Writes the record with `change` applied to its JSON and reads it back.
fn read_changed(change: impl FnOnce(&mut Value)) -> EvalError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let mut value = serde_json::to_value(record()).unwrap();
    change(&mut value);
    fs::write(&path, value.to_string()).unwrap();
    RunRecord::read(&path).unwrap_err()
}

#[test]
fn a_record_survives_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/run.json");
    let mut written = record();
    written.results[0].set_metric("diverged", Some(f64::NAN));
    written.config["lr"] = json!(0.1 + 0.2);
    written.id = written.computed_id();
    written.summarise();
    written.write(&path).unwrap();
    let read = RunRecord::read(&path).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.results[0].metrics["diverged"], None);
    assert_eq!(read.summary["diverged"], None);
    assert_eq!(read.summary["accuracy"].as_ref().unwrap().n, 3);
    assert!(read.is_complete());
    // One line per matrix row, so that two records can be compared with diff.
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"paper\": null") && text.ends_with("}\n"));
    assert!(
        text.lines()
            .filter(|line| line.trim_start().starts_with('['))
            .count()
            >= 9,
        "{text}"
    );
    assert_eq!(files(path.parent().unwrap()), ["run.json"]);
}

#[test]
fn the_id_depends_on_content_not_on_order() {
    let none = InputHashes::default();
    let a = content_id(&json!({ "b": 1, "a": { "y": 2.5, "x": [1, 2] } }), &none);
    assert_eq!(
        a,
        content_id(&json!({ "a": { "x": [1, 2], "y": 2.5 }, "b": 1 }), &none)
    );
    assert_ne!(
        a,
        content_id(&json!({ "a": { "x": [2, 1], "y": 2.5 }, "b": 1 }), &none)
    );
    assert_ne!(
        a,
        content_id(
            &json!({ "b": 1, "a": { "y": 2.5, "x": [1, 2] } }),
            &InputHashes {
                data: Some("x".into()),
                ..none
            }
        )
    );
    // Fixed once and for all: a changed hash would orphan every committed result.
    assert_eq!(
        content_id(
            &json!({ "lr": 0.001, "name": "x" }),
            &InputHashes::default()
        ),
        {
            use sha2::{Digest, Sha256};
            let text = r#"{"config":{"lr":0.001,"name":"x"},"inputs":{"code":null,"data":null,"splits":null,"weights":null}}"#;
            Sha256::digest(text.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        }
    );
}

#[test]
fn what_contradicts_itself_is_refused_with_the_reason() {
    let cases: [(&str, &dyn Fn(&mut Value)); 12] = [
        ("unknown field `colour`", &|v| v["colour"] = json!("red")),
        ("unknown field `accuracy`", &|v| {
            v["results"][0]["accuracy"] = json!(1.0)
        }),
        ("schema version 99", &|v| v["schema_version"] = json!(99)),
        ("missing field `schema_version`", &|v| {
            *v = json!({ "runs": [] })
        }),
        ("was edited after the run", &|v| {
            v["config"]["lr"] = json!(1.0)
        }),
        ("was edited after the run", &|v| {
            v["inputs"]["weights"] = json!("00")
        }),
        ("seed 0 is listed twice", &|v| v["seeds"] = json!([0, 0])),
        ("which is not among the seeds", &|v| {
            v["seeds"] = json!([0, 1])
        }),
        ("two results of seed 0 on the same split", &|v| {
            v["results"][1] = v["results"][0].clone()
        }),
        ("head <= trainable <= total", &|v| {
            v["parameters"]["head"] = json!(1u64 << 40)
        }),
        ("list different classes", &|v| {
            v["results"][0]["per_class"][0]["class"] = json!("Moon")
        }),
        ("metrics is empty", &|v| {
            v["experiment"]["metrics"] = json!([])
        }),
    ];
    for (expected, change) in cases {
        let error = read_changed(change).to_string();
        assert!(
            error.contains(expected) && error.contains("run.json"),
            "expected `{expected}` in: {error}"
        );
    }
}

#[test]
fn files_that_are_no_records_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let whole = serde_json::to_string(&record()).unwrap();
    for text in [
        "",
        "{",
        "[]",
        "null",
        &whole[..whole.len() / 2],
        &"[".repeat(100_000),
    ] {
        fs::write(&path, text).unwrap();
        assert!(
            matches!(RunRecord::read(&path), Err(EvalError::Json { .. })),
            "{:.20}",
            text
        );
    }
    fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(RunRecord::read(&path), Err(EvalError::Io { .. })));
    assert!(matches!(
        RunRecord::read(&folder.path().join("absent.json")),
        Err(EvalError::Io { .. })
    ));
    // A sparse file of 65 MiB: refused by its size, not read into memory and parsed.
    fs::File::create(&path).unwrap().set_len(65 << 20).unwrap();
    assert!(matches!(
        RunRecord::read(&path),
        Err(EvalError::TooLarge { .. })
    ));
}

#[test]
fn numbers_that_are_not_finite_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let mut bad = record();
    bad.results[0]
        .metrics
        .insert("loss".into(), Some(f64::INFINITY));
    assert!(
        bad.write(&path)
            .unwrap_err()
            .to_string()
            .contains("`loss` of seed 0")
    );
    let mut bad = record();
    bad.results[0].curve[0].train_loss = Some(f64::NAN);
    assert!(
        bad.write(&path)
            .unwrap_err()
            .to_string()
            .contains("curve of seed 0")
    );
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    // The folder's name is taken by a file: it cannot be made.
    fs::write(folder.path().join("taken"), "x").unwrap();
    let error = write_atomically(&folder.path().join("taken/run.json"), b"new").unwrap_err();
    assert!(error.to_string().contains("run.json"), "{error}");
    // The target is a folder: the temporary file is written, the rename fails, the temporary file goes.
    fs::create_dir(folder.path().join("target")).unwrap();
    fs::write(folder.path().join("target/keep"), "old").unwrap();
    assert!(write_atomically(&folder.path().join("target"), b"new").is_err());
    assert_eq!(files(folder.path()), ["taken", "target"]);
    assert_eq!(fs::read(folder.path().join("target/keep")).unwrap(), b"old");
    assert!(write_atomically(Path::new("/"), b"new").is_err());
    let file = folder.path().join("file");
    write_atomically(&file, b"one").unwrap();
    write_atomically(&file, b"two").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"two");
}

/// Permissions do not stop a privileged user, but `/proc` takes files from nobody.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files_is_an_error_with_the_path() {
    let error = write_atomically(Path::new("/proc/run.json"), b"new").unwrap_err();
    assert!(
        matches!(error, EvalError::Io { .. }) && error.to_string().contains("/proc/run.json"),
        "{error}"
    );
}

#[test]
fn a_folder_of_records_is_read_in_order_without_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    let all = [
        record(),
        common::record(
            "other",
            DataKind::Synthetic,
            0,
            2,
            &common::CLASSES[..2],
            10,
        ),
    ];
    all[1].write(&folder.path().join("b/run.json")).unwrap();
    all[0].write(&folder.path().join("a/x.run.json")).unwrap();
    fs::write(folder.path().join("a/notes.json"), "not a record").unwrap();
    let read = read_records(folder.path()).unwrap();
    assert_eq!(
        read.iter().map(|stored| &stored.record).collect::<Vec<_>>(),
        [&all[0], &all[1]]
    );
    all[0].write(&folder.path().join("c/run.json")).unwrap();
    let error = read_records(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("x.run.json")
            && error.contains("c/run.json")
            && error.contains("both hold run"),
        "{error}"
    );
    // The same row with another configuration is a duplicate as well.
    let mut changed = record();
    changed.config["lr"] = json!(0.5);
    changed.id = changed.computed_id();
    changed.write(&folder.path().join("c/run.json")).unwrap();
    let error = read_records(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("both hold row experiment/lora-r8"),
        "{error}"
    );
    assert!(matches!(
        read_records(&folder.path().join("none")),
        Err(EvalError::Io { .. })
    ));
}

#[test]
fn shares_and_completeness() {
    let mut r = record();
    assert_eq!(r.parameters.adapted(), Some(196_608));
    assert!((r.parameters.adapted_percent().unwrap() - 5.466).abs() < 1e-3);
    r.parameters.head = None;
    assert_eq!(r.parameters.adapted_percent(), None);
    r.results.pop();
    assert!(!r.is_complete());
    assert_eq!(r.values("accuracy").len(), 2);
}
