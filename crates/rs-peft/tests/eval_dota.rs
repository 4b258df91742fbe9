//! `rs-peft eval dota` as a program: from folders to a table, to JSON, to errors that say where.

use std::path::Path;
use std::process::{Command, Output};

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn run(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(["eval", "dota", "--results"])
        .arg(folder.join("results"))
        .arg("--labels")
        .arg(folder.join("labelTxt"))
        .args(["--classes", "ship,helicopter"])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn result_files_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Two ships, one found; one helicopter, found after an invention; a difficult ship.
    write(
        &folder.join("labelTxt/P1.txt"),
        "gsd:null\n0 0 10 0 10 10 0 10 ship 0\n50 0 60 0 60 10 50 10 ship 0\n90 0 99 0 99 10 90 10 ship 1\n",
    );
    write(
        &folder.join("labelTxt/P2.txt"),
        "0 0 10 0 10 10 0 10 helicopter 0\n",
    );
    write(
        &folder.join("results/Task1_ship.txt"),
        "P1 0.9 0 0 10 0 10 10 0 10\nP1 0.8 90 0 99 0 99 10 90 10\n",
    );
    write(
        &folder.join("results/Task1_helicopter.txt"),
        "P1 0.9 0 0 10 0 10 10 0 10\nP2 0.8 0 0 10 0 10 10 0 10\n",
    );
    let output = run(folder, &["--json", "--area", "--iou", "0.5,0.75"]);
    assert!(output.status.success(), "{output:?}");
    let scores: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for at in scores["thresholds"].as_array().unwrap() {
        assert_eq!(at["classes"][0]["ap"], 0.5);
        assert_eq!(at["classes"][1]["ap"], 0.5);
        assert_eq!(at["mean"], 0.5);
        assert_eq!(at["groups"][0]["name"], "head");
        assert_eq!(at["groups"][1]["name"], "tail");
    }
    let table = run(folder, &[]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("| ship | 2 | 1 | 2 | 50.00 |"), "{table}");

    write(&folder.join("results/Task1_ship.txt"), "P1 0.9 0 0 10\n");
    let output = run(folder, &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(error.contains("Task1_ship.txt, line 1"), "{error}");
}
