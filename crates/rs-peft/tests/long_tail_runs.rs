//! Long-tailed recipes through the whole path, on a small synthetic set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rs_peft::experiment::{Catalog, LongTailSplit, ProbeConfig, Row, SplitConfig, TailRows};
use rs_peft::run::{SeedOutput, SeedRun};
use rs_peft::{BackendKind, RunError, dispatch};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A shipped row on forty synthetic scenes per class: 12 to 1 training images, clusters to match.
fn row(name: &str) -> Row {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let synthetic = catalog.find("ladder/synthetic/frozen").unwrap();
    let mut row = catalog
        .find(&format!("deblora/small/eurosat_250_ir50/{name}"))
        .unwrap()
        .clone();
    row.experiment.input = synthetic.experiment.input.clone();
    row.experiment.data = synthetic.experiment.data.clone();
    row.experiment.data.per_class = Some(24);
    row.experiment.data.split = SplitConfig::LongTailed(LongTailSplit {
        held_out: 0.5,
        split_seed: 1,
        test_per_class: 4,
        n_max: 12,
        imbalance: 12.0,
        reserve: None,
        head: 3,
        tail: 4,
    });
    let Some(ProbeConfig::LongTail(probe)) = &mut row.experiment.probe else {
        panic!("{name} is not a long-tailed row")
    };
    if let TailRows::Calibrated(rows) = &mut probe.tail_rows {
        rows.clusters = 4;
        rows.numerator = 1.0;
    }
    row
}

fn run(row: &Row, folder: &Path, seed: u64) -> Result<SeedOutput, RunError> {
    let clock = || Duration::ZERO;
    let features = folder.join("features");
    let run = SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed,
        root: &root(),
        data: None,
        folder,
        fingerprint: "test",
        features: Some(&features),
        backend: "flex",
        keep_adapter: false,
        session: rs_peft::run::Session::default(),
        clock: &clock,
    };
    dispatch(BackendKind::Flex, run).unwrap()
}

#[test]
fn recipes_run_are_repeated_and_measure_what_they_assume() {
    let folder = tempfile::tempdir().unwrap();
    let plain = run(&row("probe"), folder.path(), 0).unwrap();
    let counts = rs_datasets::long_tail_counts(12, 12.0, 10);
    let drawn = plain.result.n_train.unwrap();
    assert_eq!(drawn, counts.iter().sum::<usize>() as u64);
    assert_eq!(plain.result.n_test, Some(40));
    for group in ["head", "middle", "tail"] {
        let metric = eval::metric::names::group_f1(group, false);
        assert!(plain.result.metric(&metric).is_some(), "{group}");
    }
    assert!(
        plain
            .result
            .metric(eval::metric::names::DISTANCE_TRAIN)
            .is_none()
    );

    let adjusted = run(&row("logit_adjusted"), folder.path(), 0).unwrap();
    assert_eq!(adjusted.result.split_hash, plain.result.split_hash);
    assert_ne!(adjusted.result.confusion, plain.result.confusion);

    let appended = run(&row("append"), folder.path(), 0).unwrap();
    // Every row of the four smallest classes once more.
    let tail: usize = counts[6..].iter().sum();
    assert_eq!(appended.result.n_train, Some(drawn + tail as u64));
    let distance = |name| appended.result.metric(name).unwrap();
    use eval::metric::names::{DEBIASED_NEARER, DISTANCE_CALIBRATED, DISTANCE_DEBIASED};
    assert!(distance(DISTANCE_DEBIASED) > 0.0 && distance(DISTANCE_CALIBRATED) > 0.0);
    assert!((0.0..=1.0).contains(&distance(DEBIASED_NEARER)));

    let again = run(&row("append"), folder.path(), 0).unwrap();
    assert_eq!(again.result.metrics, appended.result.metrics);
    let replaced = run(&row("replace"), folder.path(), 0).unwrap();
    assert_eq!(replaced.result.n_train, Some(drawn));
    let other = run(&row("probe"), folder.path(), 1).unwrap();
    assert_ne!(other.result.split_hash, plain.result.split_hash);
}

#[test]
fn what_cannot_be_drawn_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut greedy = row("probe");
    let SplitConfig::LongTailed(division) = &mut greedy.experiment.data.split else {
        panic!()
    };
    division.n_max = 100;
    let error = run(&greedy, folder.path(), 0).unwrap_err().to_string();
    assert!(error.contains("100"), "{error}");

    let mut many = row("append");
    let Some(ProbeConfig::LongTail(probe)) = &mut many.experiment.probe else {
        panic!()
    };
    let TailRows::Calibrated(rows) = &mut probe.tail_rows else {
        panic!()
    };
    rows.clusters = 1000;
    let error = run(&many, folder.path(), 0).unwrap_err();
    assert!(matches!(error, RunError::Clustering(_)), "{error}");
    assert!(error.to_string().contains("1000"), "{error}");
}
