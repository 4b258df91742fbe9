//! Every case runs at its small size and answers as `cargo xtask bench` expects.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Cases that need what a test does not have: real imagery, and a built `rs-peft`.
const ELSEWHERE: [&str; 3] = ["geotiff", "jpeg", "start_up"];

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bench"))
}

/// The lines that a case prints for two rounds.
fn two_rounds(name: &str, more: &[&str], folder: &Path) -> Vec<serde_json::Value> {
    let arguments = [&[name, "--small", "--folder"], more].concat();
    let run = |extra: &[&str]| {
        let mut command = bench();
        command
            .args(&arguments[..3])
            .arg(folder)
            .args(&arguments[3..]);
        command.args(extra);
        command
    };
    let prepared = run(&["--prepare"]).output().unwrap();
    assert!(prepared.status.success(), "{name}: {prepared:?}");
    let mut command = run(&[]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"go\ngo\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn check(name: &str, lines: &[serde_json::Value]) {
    assert_eq!(lines.len(), 4, "{name}: {lines:?}");
    assert_eq!(lines[0]["ready"], true);
    for round in &lines[1..3] {
        assert!(round["seconds"].as_f64().unwrap() > 0.0, "{name}: {round}");
        assert!(
            round["value"].as_f64().unwrap().is_finite(),
            "{name}: {round}"
        );
    }
    if cfg!(target_os = "linux") {
        assert!(lines[3]["peak_bytes"].as_u64().unwrap() > 1 << 20, "{name}");
    }
}

#[test]
fn every_case_answers() {
    let folder = tempfile::tempdir().unwrap();
    let list = String::from_utf8(bench().arg("list").output().unwrap().stdout).unwrap();
    assert!(list.lines().count() > 10, "{list}");
    for name in list.lines().filter(|name| !ELSEWHERE.contains(name)) {
        let lines = two_rounds(name, &[], folder.path());
        check(name, &lines);
        // The same input gives the same result; a training step moves on.
        let (first, second) = (&lines[1]["value"], &lines[2]["value"]);
        let moves_on = ["lora_step", "deflect_step"].contains(&name);
        assert!(moves_on || first == second, "{name}: {lines:?}");
    }
}

#[test]
fn an_unknown_case_names_the_others() {
    let output = bench().arg("warp").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && error.contains("vit_inference"),
        "{error}"
    );
    let output = bench().args(["geotiff", "--prepare"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && error.contains("--data"),
        "{error}"
    );
}
