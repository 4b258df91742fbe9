//! Small runs through the whole path on synthetic scenes: decode, adapt, test, record, report.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eval::report::Report;
use rs_peft::experiment::{Catalog, Row};
use rs_peft::run::{Provenance, SeedOutput, SeedRun, collect, examples, plan};
use rs_peft::{BackendKind, RunError, dispatch};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A shipped row of the synthetic ladder, cut down to a few images and one epoch.
fn row(name: &str) -> Row {
    cut(&format!("ladder/synthetic/{name}"))
}

/// A shipped row on synthetic scenes, cut down to a few images and one epoch.
fn cut(name: &str) -> Row {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let mut row = catalog.find(name).unwrap().clone();
    row.experiment.data.per_class = Some(4);
    row.experiment.train.epochs = 1;
    row.experiment.train.batch_size = 10;
    row.experiment.seeds = vec![0];
    row
}

fn run(row: &Row, folder: &Path, seed: u64) -> SeedOutput {
    try_run(row, folder, seed, false).unwrap()
}

fn try_run(
    row: &Row,
    folder: &Path,
    seed: u64,
    keep_adapter: bool,
) -> Result<SeedOutput, RunError> {
    let clock = || Duration::ZERO;
    let run = SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed,
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

#[test]
fn rows_of_every_kind_run_and_are_repeated_bit_by_bit() {
    for name in ["logistic", "frozen", "lora_qv", "spectral_zero"] {
        let row = row(name);
        let folder = tempfile::tempdir().unwrap();
        let first = run(&row, folder.path(), 0);
        assert_eq!(first.result.n_train, Some(20), "{name}");
        assert_eq!(first.result.n_test, Some(20), "{name}");
        assert!(first.result.metric("accuracy").is_some(), "{name}");
        let again = run(&row, folder.path(), 0);
        assert_eq!(first.result.metrics, again.result.metrics, "{name}");
        assert_eq!(first.result.curve, again.result.curve, "{name}");
    }
}

#[test]
fn a_row_becomes_a_record_and_a_report() {
    let out = tempfile::tempdir().unwrap();
    let row = row("lora_qv");
    let planned = plan(&row, &root(), None, out.path()).unwrap();
    assert!(collect(&planned, &Provenance::default()).unwrap().is_none());
    let output = run(&row, &planned.folder, 0);
    std::fs::create_dir_all(&planned.folder).unwrap();
    std::fs::write(planned.seed_file(0), serde_json::to_vec(&output).unwrap()).unwrap();
    let record = collect(&planned, &Provenance::default()).unwrap().unwrap();
    assert_eq!(record.id, planned.id);
    assert!(record.is_complete());
    assert_eq!(record.parameters.adapted(), Some(8 * 2 * 8 * (192 + 192)));
    // Twice the multiply-adds of a backbone of 8 blocks on 65 tokens, and of 16 low-rank maps.
    let block = 65 * 12 * 192 * 192 + 2 * 65 * 65 * 192;
    let backbone = 64 * 192 * 192 + 8 * block;
    let lora = 65 * 8 * 2 * 8 * (192 + 192);
    assert_eq!(record.cost.forward_flops, Some(2 * (backbone + lora)));
    record.write(&planned.folder.join("run.json")).unwrap();
    let mut report = Report::new("test");
    report
        .examples
        .extend(examples(&[(&planned, &record)], None).unwrap());
    let files = report.write(&[record], &out.path().join("report")).unwrap();
    let page = std::fs::read_to_string(files.html).unwrap();
    assert!(page.contains("data:image/png;base64,") && page.contains("synthetic"));

    std::fs::write(planned.seed_file(0), b"{ half").unwrap();
    let error = collect(&planned, &Provenance::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("seed-0.json") && error.contains("delete it"),
        "{error}"
    );
}

#[test]
fn identity_follows_configuration_and_inputs() {
    let out = tempfile::tempdir().unwrap();
    let one = row("frozen");
    let mut other = one.clone();
    other.experiment.train.learning_rate *= 2.0;
    let mut more = one.clone();
    more.experiment.data.per_class = Some(6);
    let id = |row: &Row| plan(row, &root(), None, out.path()).unwrap().id;
    assert_eq!(id(&one), id(&one));
    assert_ne!(id(&one), id(&other));
    assert_ne!(id(&one), id(&more));
}

#[test]
fn real_rows_ask_for_the_data_folder() {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let row = catalog.find("ladder/opensarship/frozen").unwrap();
    let out = tempfile::tempdir().unwrap();
    let error = plan(row, &root(), None, out.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("--data") && error.contains("opensarship"),
        "{error}"
    );
    let error = plan(row, &root(), Some(Path::new("no-such-folder")), out.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("no-such-folder"), "{error}");
}
