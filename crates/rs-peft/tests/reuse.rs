//! `rs-peft repro --reuse`: rows whose record lies in the folder are not run again, others are.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the program says on its two streams when it is asked for a row of the synthetic ladder.
fn repro(out: &Path, records: &Path, more: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .arg("repro")
        .args([Path::new("--root"), &root(), Path::new("--out"), out])
        .args([Path::new("--reuse"), records])
        .args(more)
        .args(["run", "ladder/synthetic/logistic"])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn committed_records_are_those_of_the_shipped_experiments() {
    let folder = tempfile::tempdir().unwrap();
    let (good, tables, said) = repro(folder.path(), &root().join("results"), &[]);
    assert!(good && said.contains("1 of 1 rows have a record"), "{said}");
    assert!(tables.contains("frozen, logistic probe"), "{tables}");
    // Nothing was run here.
    assert!(!folder.path().join("runs").exists());
    assert!(folder.path().join("report/report.html").is_file());
}

#[test]
fn a_record_of_another_configuration_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    // One seed is another run; planning says so before anything is computed, and the folder must exist.
    let results = root().join("results");
    let (good, _, said) = repro(folder.path(), &folder.path().join("absent"), &[]);
    assert!(!good && said.contains("absent"), "{said}");
    let more = ["--seeds", "1"];
    let (good, tables, said) = repro(folder.path(), &results, &more);
    assert!(good && said.contains("0 of 1 rows have a record"), "{said}");
    assert!(tables.contains("frozen, logistic probe"), "{tables}");
    assert!(folder.path().join("runs").exists());
}
