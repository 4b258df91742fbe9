//! `rs-peft inspect` as a program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn inspect(file: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .arg("inspect")
        .arg(file)
        .args(more)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_checkpoint_is_described_without_being_loaded() {
    let file = root().join("assets/backbone/vit_8x192_eurosat_mae.safetensors");
    let output = inspect(&file, &[]);
    let page = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let of_the_first_block = page.matches("blocks.0.").count();
    assert!(
        page.contains("family") && of_the_first_block >= 12,
        "{page}"
    );
    assert!(!page.contains("blocks.7."), "{page}");
    assert!(page.contains("[192, 3, "), "{page}");

    let all = text(&inspect(&file, &["--all"]).stdout);
    assert!(all.contains("blocks.7."), "{all}");

    let json = inspect(&file, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let found = json["found"].as_array().unwrap();
    let numbers: u64 = found
        .iter()
        .map(|tensor| {
            let shape = tensor["found"]["shape"].as_array().unwrap();
            shape.iter().map(|n| n.as_u64().unwrap()).product::<u64>()
        })
        .sum();
    // The model's 3,596,544 parameters and its fixed position table: 64 patches and a class token of 192.
    assert!(numbers >= 3_596_544, "{numbers}");
    assert!(page.contains(&format!("with {numbers} numbers")), "{page}");
}

#[test]
fn what_is_no_checkpoint_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thesis.safetensors");
    std::fs::write(&file, "years of work").unwrap();
    let output = inspect(&file, &[]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("thesis.safetensors"));

    let missing = inspect(&folder.path().join("nothing.pth"), &[]);
    assert!(!missing.status.success());
    assert!(text(&missing.stderr).contains("nothing.pth"));
}
