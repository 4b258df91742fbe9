//! DEFLECT, its competitors and its controls through the whole path: every shipped row of the synthetic table, cut down.

use std::path::{Path, PathBuf};
use std::time::Duration;

use burn_flex::Flex;
use deflect::{Constraint, Deflect};
use peft_lora::{BaseCheck, LoadOptions, PeftAdapter};
use rs_peft::experiment::{Catalog, Method, Row};
use rs_peft::run::{SeedOutput, SeedRun};
use rs_peft::{BackendKind, RunError, dispatch};
use vit_backbone::load_vit;

const TABLE: &str = "deflect/small/synthetic";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A shipped row, cut down to a few images and two steps.
fn row(name: &str) -> Row {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    cut(catalog.find(&format!("{TABLE}/{name}")).unwrap().clone())
}

fn cut(mut row: Row) -> Row {
    row.experiment.data.per_class = Some(2);
    row.experiment.train.epochs = 1;
    row.experiment.train.batch_size = 5;
    row.experiment.seeds = vec![0];
    row
}

fn run(row: &Row, folder: &Path, keep_adapter: bool) -> Result<SeedOutput, RunError> {
    let clock = || Duration::ZERO;
    let run = SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed: 0,
        root: &root(),
        data: None,
        folder,
        fingerprint: "test",
        features: None,
        backend: "flex",
        keep_adapter,
        session: rs_peft::run::Session::default(),
        clock: &clock,
    };
    dispatch(BackendKind::Flex, run).unwrap()
}

fn result(row: &Row) -> SeedOutput {
    run(row, tempfile::tempdir().unwrap().path(), false).unwrap()
}

#[test]
fn every_row_runs_and_trains_what_it_says() {
    let adapted = |name: &str| match name {
        "frozen" | "frozen_spectral" => 0,
        "norm_tuning" => 6_528,
        "bitfit" => 17_280,
        "lora" => 196_608,
        // The patch embedding of thirteen channels is trained, too.
        "lora_random" => 196_608 + (13 * 64 + 1) * 192,
        "slr" => 221_184,
        "slr_random" => 221_184 + (13 * 64 + 1) * 192,
        "houlsby" => 6_528 + 8 * 2 * (2 * 16 * 192 + 192 + 16),
        "deflect" | "deflect_free" | "deflect_uatt" | "deflect_lora" => 36_288,
        "deflect_r4" => 22_464,
        "deflect_upe" => 8_640,
        other => panic!("a row without an expected count: {other}"),
    };
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let rows = catalog.rows.iter().filter(|row| row.table() == TABLE);
    let (mut seen, mut flops) = (0, std::collections::BTreeMap::new());
    for row in rows {
        let name = row.row().to_owned();
        let found = result(&cut(row.clone()));
        assert_eq!(found.result.n_test, Some(10), "{name}");
        assert!(found.result.metric("accuracy").is_some(), "{name}");
        let count = found.parameters.trainable.unwrap() - found.parameters.head.unwrap();
        assert_eq!(count, adapted(&name), "{name}");
        let features = if name == "frozen_spectral" {
            192 + 88
        } else {
            192
        };
        assert_eq!(found.parameters.head, Some((features + 1) * 10), "{name}");
        flops.insert(name, found.forward_flops.unwrap());
        seen += 1;
    }
    assert!(seen >= 12, "{seen}");
    assert_eq!(flops["frozen"], flops["norm_tuning"]);
    assert!(flops["frozen"] < flops["deflect_upe"] && flops["deflect_upe"] < flops["deflect_free"]);
    // The pretrained attention is computed again in three blocks.
    let again = 3 * (2 * 65 * 65 * 192 + 65 * 192 * 192);
    assert_eq!(flops["deflect"] - flops["deflect_free"], 2 * again);
}

#[test]
fn a_run_is_repeated_bit_by_bit_and_the_deflection_matters() {
    let row = row("deflect");
    let (first, again) = (result(&row), result(&row));
    assert_eq!(first.result.metrics, again.result.metrics);
    assert_eq!(first.result.curve, again.result.curve);
    // The first step starts from the same features; what comes behind it differs.
    let mut free = row.clone();
    let Method::Deflect(method) = &mut free.experiment.method else {
        panic!("not DEFLECT");
    };
    method.deflection.constraint = Constraint::Off;
    let free = result(&free);
    assert_ne!(first.result.curve, free.result.curve);
}

#[test]
fn the_loss_of_the_soft_constraint_is_added_with_its_weight() {
    let loss = |weight: f64| {
        let mut row = row("deflect");
        let Method::Deflect(method) = &mut row.experiment.method else {
            panic!("not DEFLECT");
        };
        method.deflection.constraint = Constraint::Soft;
        method.norm_loss = Some(weight);
        result(&row).result.curve[0].train_loss.unwrap()
    };
    let (without, with) = (loss(0.0), loss(1e4));
    // At the first step the displacement is the pretrained one; at the second it is not.
    assert!(with > without, "{with} {without}");
}

#[test]
fn adapters_are_kept_in_their_formats() {
    let device = Default::default();
    let checkpoint = root().join("assets/backbone/vit_8x192_eurosat_mae.safetensors");
    let options = vit_backbone::LoadOptions::default();
    let (vit, report) = load_vit::<Flex>(&checkpoint, None, &options, &device).unwrap();
    let own = LoadOptions {
        base_sha256: Some(report.sha256.clone()),
        ..LoadOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    run(&row("deflect"), folder.path(), true).unwrap();
    let file = folder.path().join("seed-0.deflect.safetensors");
    let loaded = Deflect::<Flex>::load(&file, &report.config, &own, &device).unwrap();
    assert_eq!(loaded.base, BaseCheck::Same);
    assert_eq!(loaded.adapter.trainable_parameters(), 36_288);
    // Trained: the up-projections have left zero.
    let up = loaded.adapter.attention[0].up[0].val().abs().max();
    assert!(up.into_scalar() > 0.0);
    let adapter = folder.path().join("seed-0.adapter");
    let head = PeftAdapter::<Flex>::load(&adapter, &vit, &report.config, &own, &device).unwrap();
    let head = head.head.unwrap();
    assert_eq!((head.classes(), head.features()), (10, 192));
    assert_eq!(head.extra["std"].shape, [192]);

    let folder = tempfile::tempdir().unwrap();
    run(&row("lora"), folder.path(), true).unwrap();
    let adapter = folder.path().join("seed-0.adapter");
    let lora = PeftAdapter::<Flex>::load(&adapter, &vit, &report.config, &own, &device).unwrap();
    assert_eq!(lora.adapter.trainable_parameters(), 196_608);
    assert!(!folder.path().join("seed-0.deflect.safetensors").exists());

    let folder = tempfile::tempdir().unwrap();
    run(&row("frozen_spectral"), folder.path(), true).unwrap();
    let adapter = folder.path().join("seed-0.adapter");
    let head = PeftAdapter::<Flex>::load(&adapter, &vit, &report.config, &own, &device).unwrap();
    let head = head.head.unwrap();
    assert_eq!(head.features(), 192 + 88);
    assert_eq!(head.extra["spectra.mean"].shape, [44]);
}

#[test]
fn bands_and_indices_that_are_not_there_are_named() {
    let mut missing = row("deflect");
    missing.experiment.input.spectral.push("B99".into());
    let error = run(&missing, Path::new("unused"), false).unwrap_err();
    assert!(error.to_string().contains("B99"), "{error}");

    let mut impossible = row("deflect");
    impossible.experiment.input.spectral = vec!["B04".into(), "B08".into()];
    let Method::Deflect(method) = &mut impossible.experiment.method else {
        panic!("not DEFLECT");
    };
    method.pixels.indices = deflect::IndexChoice::Named(vec!["NDMI".into()]);
    let error = run(&impossible, Path::new("unused"), false).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("NDMI") && text.contains("S1"), "{text}");

    // RGB alone gives indices of visible bands, and no band beyond RGB.
    let mut rgb = row("deflect");
    rgb.experiment.input.spectral = ["B04", "B03", "B02"].map(String::from).to_vec();
    let Method::Deflect(method) = &mut rgb.experiment.method else {
        panic!("not DEFLECT");
    };
    method.pixels.indices = deflect::IndexChoice::None;
    let error = run(&rgb, Path::new("unused"), false).unwrap_err();
    assert!(error.to_string().contains("nothing to look at"), "{error}");
}
