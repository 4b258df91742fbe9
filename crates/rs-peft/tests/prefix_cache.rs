//! Outputs of frozen blocks kept on disk: the same run as without them, and files that other runs find.

use std::path::{Path, PathBuf};
use std::time::Duration;

use peft_lora::{LoraConfig, MethodConfig};
use rs_peft::experiment::{Catalog, Method, PrefixCache, Row};
use rs_peft::run::{SeedOutput, SeedRun};
use rs_peft::{BackendKind, dispatch};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// LoRA on the given maps of the shipped backbone of eight blocks, without augmentation.
fn row(targets: &[&str], cache_prefix: PrefixCache) -> Row {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let mut row = catalog
        .find("deflect/small/synthetic/lora")
        .unwrap()
        .clone();
    let lora = LoraConfig::new(4, 4.0, targets.iter().copied());
    row.experiment.method = Method::Weights(MethodConfig::Lora(lora));
    row.experiment.data.per_class = Some(3);
    let train = &mut row.experiment.train;
    train.epochs = 3;
    train.batch_size = 7;
    train.augment = false;
    train.cache_prefix = cache_prefix;
    row.experiment.validate(Path::new("test.toml")).unwrap();
    row
}

fn run(row: &Row, folder: &Path, features: Option<&Path>) -> SeedOutput {
    let clock = || Duration::ZERO;
    let run = SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed: 0,
        root: &root(),
        data: None,
        folder,
        fingerprint: "test",
        features,
        backend: "flex",
        keep_adapter: false,
        session: rs_peft::run::Session::default(),
        clock: &clock,
    };
    dispatch(BackendKind::Flex, run).unwrap().unwrap()
}

/// Files of rows below a folder.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_rows = |path: &PathBuf| path.to_string_lossy().ends_with(".rows.safetensors");
    let mut found: Vec<PathBuf> = paths.filter(is_rows).collect();
    found.sort();
    found
}

#[test]
fn a_kept_prefix_changes_no_bit() {
    let targets = ["blocks.5.attn.qkv", "blocks.7.mlp.fc1"];
    let folder = tempfile::tempdir().unwrap();
    let plain = run(&row(&targets, PrefixCache::Off), folder.path(), None);
    let shared = tempfile::tempdir().unwrap();
    let with = row(&targets, PrefixCache::F32);
    let first = run(&with, folder.path(), Some(shared.path()));
    assert_eq!(kept(shared.path()).len(), 1);
    let again = run(&with, folder.path(), Some(shared.path()));
    // Without a folder for all runs the file lies in the seed's own and is gone afterwards.
    let alone = run(&with, folder.path(), None);
    assert!(!folder.path().join("seed-0.prefix").exists());
    for found in [&first, &again, &alone] {
        assert_eq!(found.result.curve, plain.result.curve);
        assert_eq!(found.result.metrics, plain.result.metrics);
        assert_eq!(found.parameters, plain.parameters);
    }
    // Half precision is another file, and near.
    let half = run(
        &row(&targets, PrefixCache::F16),
        folder.path(),
        Some(shared.path()),
    );
    assert_eq!(kept(shared.path()).len(), 2);
    assert_ne!(half.result.curve, plain.result.curve);
    let losses = |output: &SeedOutput| -> Vec<f64> {
        let points = output.result.curve.iter();
        points.filter_map(|point| point.train_loss).collect()
    };
    assert_eq!((losses(&half).len(), losses(&plain).len()), (3, 3));
    for (found, wanted) in losses(&half).iter().zip(losses(&plain)) {
        assert!(
            (found - wanted).abs() < 1e-2 * wanted.abs(),
            "{found} {wanted}"
        );
    }
    // Another first block reads other tokens.
    run(
        &row(&["blocks.6.attn.qkv"], PrefixCache::F32),
        folder.path(),
        Some(shared.path()),
    );
    assert_eq!(kept(shared.path()).len(), 3);
    // A damaged file is made again.
    let damaged = &kept(shared.path())[0];
    let whole = std::fs::read(damaged).unwrap();
    std::fs::write(damaged, &whole[..whole.len() - 1]).unwrap();
    let mended = run(&with, folder.path(), Some(shared.path()));
    assert_eq!(mended.result.curve, plain.result.curve);
}

#[test]
fn nothing_is_kept_where_the_first_block_is_adapted() {
    let folder = tempfile::tempdir().unwrap();
    let shared = tempfile::tempdir().unwrap();
    let everywhere = |kept| row(&["qkv"], kept);
    let with = run(
        &everywhere(PrefixCache::F32),
        folder.path(),
        Some(shared.path()),
    );
    assert!(kept(shared.path()).is_empty());
    let without = run(&everywhere(PrefixCache::Off), folder.path(), None);
    assert_eq!(with.result.curve, without.result.curve);
}

#[test]
fn augmentation_and_a_kept_prefix_exclude_each_other() {
    let mut row = row(&["blocks.7.attn.qkv"], PrefixCache::F32);
    row.experiment.train.augment = true;
    let error = row.experiment.validate(Path::new("test.toml")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("cache_prefix") && text.contains("augmentation"),
        "{text}"
    );
}
