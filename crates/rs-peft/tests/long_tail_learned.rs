//! Learned de-biasing and the long-tail baselines through the whole path, on a small synthetic set: stages on disk, resumption,
//! every place of the map, every loss.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eval::metric::names;
use rs_peft::experiment::{
    Apply, Balance, CalibratedRows, CalibrationMode, Catalog, DbscanRows, LearnedMap,
    LongTailProbe, LongTailSplit, MapPlace, Method, NaturalLongTail, ProbeConfig, Row, SplitConfig,
    TailRows,
};
use rs_peft::run::{SeedOutput, SeedRun};
use rs_peft::{BackendKind, RunError, dispatch};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn targets() -> CalibratedRows {
    CalibratedRows {
        clusters: 4,
        dbscan: None,
        rho: None,
        class_weighted: false,
        numerator: 1.0,
        floor: 0.0,
        mode: CalibrationMode::Append,
        copies: 1,
        vary: false,
    }
}

fn learned(place: MapPlace) -> LearnedMap {
    LearnedMap {
        place,
        targets: targets(),
        apply: Apply::All,
        squared: false,
        keep: 0.0,
        steps: 50,
        batch_size: 8,
        learning_rate: 1e-2,
        weight_decay: 0.0,
    }
}

fn output(per_class: bool) -> MapPlace {
    MapPlace::Output {
        rank: 4,
        alpha: 4.0,
        per_class,
    }
}

fn encoder(text: &str) -> MapPlace {
    MapPlace::Encoder {
        lora: toml::from_str(text).unwrap(),
    }
}

/// A row on synthetic scenes: 12 to 1 training images of ten classes.
fn row(change: impl FnOnce(&mut LongTailProbe)) -> Row {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let synthetic = catalog.find("ladder/synthetic/frozen").unwrap();
    let mut row = catalog
        .find("deblora/small/eurosat_250_ir50/probe")
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
    row.experiment.seeds = vec![0];
    row.experiment.train.augment = false;
    let Some(ProbeConfig::LongTail(probe)) = &mut row.experiment.probe else {
        panic!()
    };
    change(probe);
    row.experiment.validate(Path::new("row")).unwrap();
    row
}

fn run(row: &Row, folder: &Path, features: &Path) -> Result<SeedOutput, RunError> {
    let clock = || Duration::ZERO;
    let run = SeedRun {
        row: &row.name,
        experiment: &row.experiment,
        seed: 0,
        root: &root(),
        data: None,
        folder,
        fingerprint: "test",
        features: Some(features),
        backend: "flex",
        keep_adapter: false,
        session: rs_peft::run::Session::default(),
        clock: &clock,
    };
    dispatch(BackendKind::Flex, run).unwrap()
}

#[test]
fn a_map_on_the_output_is_learned_kept_and_taken_up_again() {
    let features = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let asked = row(|probe| {
        probe.learned = Some(learned(output(false)));
        probe.analyses = true;
        probe.picture = true;
    });
    let first = run(&asked, folder.path(), features.path()).unwrap();
    let losses: Vec<f64> = first
        .result
        .curve
        .iter()
        .filter_map(|p| p.train_loss)
        .collect();
    assert!(losses.len() == 2 && losses[1] < losses[0], "{losses:?}");
    let metric = |name: &str| first.result.metric(name).unwrap();
    assert!(metric(names::DISPLACEMENT_TAIL) > 0.0 && metric(names::DISPLACEMENT_HEAD) > 0.0);
    assert!(metric(names::DISTANCE_DEBIASED) > 0.0);
    assert!((0.0..=2.0).contains(&metric(names::COSINE_BETWEEN)));
    assert!((0.0..=1.0).contains(&metric(names::TAIL_IN_HEAD)));
    // Down and up of rank 4, beside the probe.
    let parameters = &first.parameters;
    let map = parameters.trainable.unwrap() - parameters.head.unwrap();
    assert_eq!(map, 2 * 4 * 192);
    let picture = std::fs::read_to_string(folder.path().join("seed-0.features.svg")).unwrap();
    assert!(picture.contains("de-biased centre") && picture.contains("behind the learned map"));
    let stages = folder.path().join("seed-0.stages");
    for stage in ["2-clusters", "3-calibration", "4-map", "5-probe"] {
        assert!(stages.join(format!("{stage}.json")).is_file(), "{stage}");
    }

    // The same again from its stages; the map that lies there is the one that is used.
    let again = run(&asked, folder.path(), features.path()).unwrap();
    assert_eq!(again.result.metrics, first.result.metrics);
    let path = stages.join("4-map.json");
    let mut note: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for value in note["made"]["up"].as_array_mut().unwrap() {
        *value = 0.0.into();
    }
    std::fs::write(&path, serde_json::to_vec(&note).unwrap()).unwrap();
    let identity = run(&asked, folder.path(), features.path()).unwrap();
    assert_eq!(identity.result.metric(names::DISPLACEMENT_TAIL), Some(0.0));
    let plain = tempfile::tempdir().unwrap();
    let unmapped = run(&row(|_| ()), plain.path(), features.path()).unwrap();
    assert!(!plain.path().join("seed-0.stages").exists());
    let macro_f1 = |out: &SeedOutput| out.result.metric(names::MACRO_F1);
    assert_eq!(
        macro_f1(&identity),
        macro_f1(&unmapped),
        "the identity changes nothing"
    );
    // A stage of another row is not taken for this one's.
    note["identity"] = "other".into();
    std::fs::write(&path, serde_json::to_vec(&note).unwrap()).unwrap();
    let anew = run(&asked, folder.path(), features.path()).unwrap();
    assert_eq!(anew.result.metrics, first.result.metrics);
}

#[test]
fn a_term_that_keeps_the_others_and_maps_per_class_move_the_head_less() {
    let features = tempfile::tempdir().unwrap();
    let moved = |place: MapPlace, keep: f64| {
        let folder = tempfile::tempdir().unwrap();
        let asked = row(|probe| {
            probe.learned = Some(LearnedMap {
                keep,
                ..learned(place)
            });
        });
        let out = run(&asked, folder.path(), features.path()).unwrap();
        out.result.metric(names::DISPLACEMENT_HEAD).unwrap()
    };
    let free = moved(output(false), 0.0);
    assert!(moved(output(false), 1.0) < free);
    assert!(moved(output(true), 0.0) < free);
}

#[test]
fn a_lora_inside_the_encoder_learns_resumes_and_can_append() {
    let features = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lora = "method = 'lora'\nrank = 2\nalpha = 2.0\nb_rate_ratio = 4.0\ntargets = ['blocks.7.attn.qkv', 'blocks.7.mlp.fc1']";
    let asked = row(|probe| {
        probe.learned = Some(LearnedMap {
            keep: 0.5,
            squared: true,
            steps: 25,
            learning_rate: 1e-3,
            ..learned(encoder(lora))
        });
    });
    let first = run(&asked, folder.path(), features.path()).unwrap();
    assert!(first.result.metric(names::DISPLACEMENT_TAIL).unwrap() > 0.0);
    let stages = folder.path().join("seed-0.stages");
    assert!(stages.join("4-map/adapter_model.safetensors").is_file());
    let again = run(&asked, folder.path(), features.path()).unwrap();
    assert_eq!(again.result.metrics, first.result.metrics);

    let dora =
        "method = 'dora'\nrank = 2\nalpha = 2.0\nrslora = true\ntargets = ['blocks.7.mlp.fc2']";
    let folder = tempfile::tempdir().unwrap();
    let appended = row(|probe| {
        probe.learned = Some(LearnedMap {
            apply: Apply::AppendTail,
            steps: 25,
            learning_rate: 1e-3,
            ..learned(encoder(dora))
        });
    });
    let out = run(&appended, folder.path(), features.path()).unwrap();
    let counts = rs_datasets::long_tail_counts(12, 12.0, 10);
    let (all, tail): (usize, usize) = (counts.iter().sum(), counts[6..].iter().sum());
    assert_eq!(out.result.n_train, Some((all + tail) as u64));
}

#[test]
fn a_task_lora_comes_first_and_is_kept() {
    let features = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut asked = row(|probe| probe.balance = Balance::Balanced);
    let lora = "method = 'lora'\nrank = 2\nalpha = 2.0\ntargets = ['blocks.7.*']";
    asked.experiment.method = toml::from_str::<Method>(lora).unwrap();
    asked.experiment.train.epochs = 2;
    let curve = |row: &Row| {
        row.experiment.validate(Path::new("row")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let out = run(row, folder.path(), features.path()).unwrap();
        out.result
            .curve
            .iter()
            .filter_map(|p| p.train_loss)
            .collect::<Vec<_>>()
    };
    let first = run(&asked, folder.path(), features.path()).unwrap();
    assert!(
        folder
            .path()
            .join("seed-0.stages/1-task/adapter_config.json")
            .is_file()
    );
    let again = run(&asked, folder.path(), features.path()).unwrap();
    assert_eq!(again.result.metrics, first.result.metrics);
    let plain = curve(&asked);
    assert_eq!(plain.len(), 2);
    for (loss, beta) in [
        ("kind = 'focal'\ngamma = 2.0", None),
        ("kind = 'ldam'\nmax_margin = 0.5\nscale = 30.0", Some(0.99)),
        ("kind = 'logit_adjusted'\ntau = 1.0", None),
    ] {
        asked.experiment.train.loss = Some(toml::from_str(loss).unwrap());
        asked.experiment.train.deferred_beta = beta;
        assert_ne!(curve(&asked), plain, "{loss}");
    }

    // What cannot be trained behind cached tokens is refused.
    asked.experiment.train.augment = true;
    let error = asked.experiment.validate(Path::new("row")).unwrap_err();
    assert!(error.to_string().contains("augment = false"), "{error}");
}

#[test]
fn every_baseline_runs_on_frozen_features() {
    let features = tempfile::tempdir().unwrap();
    let outcome = |change: &dyn Fn(&mut LongTailProbe)| {
        let folder = tempfile::tempdir().unwrap();
        let asked = row(|probe| {
            probe.l2 = vec![1e-3, 1e-2];
            change(probe);
        });
        run(&asked, folder.path(), features.path()).unwrap()
    };
    let balance = |balance: Balance| outcome(&|probe| probe.balance = balance.clone());
    let plain = balance(Balance::None);
    let chosen = plain.result.metric(names::L2).unwrap();
    assert!([1e-3, 1e-2].contains(&chosen));
    for asked in [
        Balance::Focal { gamma: 2.0 },
        Balance::ResLt { beta: 0.9 },
        Balance::Sade {
            lambda: 2.0,
            test_time: false,
        },
    ] {
        let out = balance(asked.clone());
        assert!(out.result.metric(names::L2).is_some());
        assert_ne!(
            out.result.metric(names::LOG_LOSS),
            plain.result.metric(names::LOG_LOSS),
            "{asked:?}"
        );
    }
    let ldam = balance(Balance::Ldam {
        max_margin: 0.5,
        scales: vec![10.0, 30.0],
        deferred_beta: Some(0.99),
    });
    assert!([10.0, 30.0].contains(&ldam.result.metric(names::SCALE).unwrap()));
    let sade = balance(Balance::Sade {
        lambda: 2.0,
        test_time: true,
    });
    let shares: f64 = (1..=3)
        .map(|expert| sade.result.metric(&format!("expert_{expert}")).unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-6);

    let calibrated = |eps| {
        outcome(&|probe| {
            probe.tail_rows = TailRows::Calibrated(CalibratedRows {
                dbscan: Some(DbscanRows {
                    eps,
                    min_samples: 3.0,
                }),
                ..targets()
            });
        })
    };
    let density = calibrated(15.0);
    assert!(density.result.metric(names::DISTANCE_DEBIASED).is_some());
}

#[test]
fn recipes_that_make_no_sense_are_refused_by_key() {
    let fault = |change: &dyn Fn(&mut LongTailProbe)| {
        let mut asked = row(|_| ());
        let Some(ProbeConfig::LongTail(probe)) = &mut asked.experiment.probe else {
            panic!()
        };
        change(probe);
        asked
            .experiment
            .validate(Path::new("row"))
            .unwrap_err()
            .to_string()
    };
    let with = |learned: LearnedMap| fault(&|probe| probe.learned = Some(learned.clone()));
    let base = || learned(output(false));
    assert!(with(LearnedMap { steps: 0, ..base() }).contains("steps"));
    assert!(
        with(LearnedMap {
            batch_size: 0,
            ..base()
        })
        .contains("batch_size")
    );
    assert!(
        with(LearnedMap {
            keep: f64::NAN,
            ..base()
        })
        .contains("keep")
    );
    assert!(with(learned(encoder("method = 'bitfit'"))).contains("lora or dora"));
    assert!(fault(&|probe| probe.l2.clear()).contains("l2"));
    let sade = |probe: &mut LongTailProbe| {
        probe.learned = Some(base());
        probe.balance = Balance::Sade {
            lambda: 2.0,
            test_time: true,
        };
    };
    assert!(fault(&sade).contains("test_time"));
}

#[test]
fn a_set_that_is_long_tailed_by_itself_needs_no_drawing() {
    let features = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut asked = row(|_| ());
    let natural = |test| NaturalLongTail {
        test,
        validation: 0.25,
        head: 3,
        tail: 4,
    };
    asked.experiment.data.split = SplitConfig::NaturalLongTail(natural(Some(0.25)));
    asked.experiment.validate(Path::new("row")).unwrap();
    let out = run(&asked, folder.path(), features.path()).unwrap();
    assert_eq!(
        (out.result.n_train, out.result.n_test),
        (Some(120), Some(60))
    );
    // The synthetic set has no published parts.
    asked.experiment.data.split = SplitConfig::NaturalLongTail(natural(None));
    assert!(run(&asked, folder.path(), features.path()).is_err());
}
