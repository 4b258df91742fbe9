//! The book against the program: worked examples run as they are printed, and the pages that the program prints are as committed.
//!
//! `UPDATE_BOOK=1 cargo test -p rs-peft --test book` puts what the commands printed into the pages.
#![allow(unreachable_pub, dead_code)] // The examples are read as they are, their `main` with them.

#[path = "../../examples/own_adapter.rs"]
mod own_adapter;
#[path = "../../examples/own_dataset.rs"]
mod own_dataset;
mod page;
mod run;

use std::path::{Path, PathBuf};
use std::process::Command;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn works(page: &str) {
    run::page(&docs().join(page));
}

#[test]
fn getting_started() {
    works("getting-started.md");
}

#[test]
fn chips_with_lora() {
    works("examples/chips.md");
}

#[test]
fn thirteen_bands_with_deflect() {
    works("examples/multispectral.md");
}

#[test]
fn long_tailed_classes_with_deblora() {
    works("examples/long-tail.md");
}

#[test]
fn features_of_a_backbone() {
    works("examples/features.md");
}

#[test]
fn recipe_for_an_experiment() {
    works("cookbook/experiment.md");
}

#[test]
fn recipe_for_a_data_set() {
    works("cookbook/data-set.md");
}

#[test]
fn recipe_for_a_backbone() {
    works("cookbook/backbone.md");
}

#[test]
fn printed_pages_are_as_committed() {
    for (page, file) in [
        ("commands", "commands.md"),
        ("methods", "methods.md"),
        ("models", "models.md"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_rs-peft"))
            .args(["reference", page])
            .output()
            .unwrap();
        assert!(output.status.success());
        let printed = String::from_utf8(output.stdout).unwrap();
        let path = docs().join("reference").join(file);
        if std::env::var_os("UPDATE_BOOK").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == printed,
            "docs/reference/{file} is stale; run `cargo xtask book`"
        );
    }
}

#[test]
fn the_adapter_of_the_cookbook_runs_and_is_the_one_on_the_page() {
    // The only backward pass in this process: the pages run in processes of their own.
    own_adapter::main().unwrap();
    let page = std::fs::read_to_string(docs().join("cookbook/adapter.md")).unwrap();
    let code = page.split("```rust\n").nth(1).unwrap();
    let code = code.split("```\n\n```console").next().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/own_adapter.rs");
    assert!(
        code == std::fs::read_to_string(file).unwrap(),
        "docs/cookbook/adapter.md shows another program than examples/own_adapter.rs"
    );
}

#[test]
fn the_data_set_of_the_cookbook_runs() {
    own_dataset::main().unwrap();
}
