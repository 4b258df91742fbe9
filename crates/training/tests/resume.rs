//! Checkpoints: a run killed in the middle of an epoch ends with the same bits; damaged and foreign files are refused.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use common::{B, Batch, Inner, Mlp, accuracy, bits, config, loss, source};
use training::{
    BatchSource, Batches, BoxError, CheckpointPolicy, EarlyStopping, FitConfig, FitOutcome,
    FnSource, Hooks, OptimizerConfig, SgdConfig, TrainError, fit,
};

/// Dropout draws from one generator per process: runs of this file must not overlap.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const EPOCHS: usize = 6;
const BATCHES: usize = 7;
const CHILD: &str = "TRAINING_RESUME_TEST_DIRECTORY";

fn run_config() -> FitConfig {
    FitConfig {
        accumulate: 2,
        clip_norm: Some(0.5),
        restore_best: true,
        early_stopping: Some(EarlyStopping { patience: 5 }),
        ..config(EPOCHS)
    }
}

fn run_with(
    width: usize,
    config: &FitConfig,
    source: &impl BatchSource<Batch = Batch>,
    policy: Option<&CheckpointPolicy>,
) -> Result<FitOutcome<Mlp<B>>, TrainError> {
    let device = Default::default();
    let model = Mlp::<B>::new(width, 0.3, &device);
    // The best is in the middle, so that it must survive the kill, too.
    let mut validate = |m: &Mlp<Inner>, epoch: usize| -> Result<f64, BoxError> {
        Ok(accuracy(m, 56) + if epoch == 1 { 1.0 } else { 0.0 })
    };
    let mut hooks = Hooks::none().validate(&mut validate);
    if let Some(policy) = policy {
        hooks = hooks.checkpoint(policy);
    }
    fit::<B, _, _, _>(model, config, &loss, source, &device, hooks)
}

fn run(policy: Option<&CheckpointPolicy>) -> Result<FitOutcome<Mlp<B>>, TrainError> {
    run_with(16, &run_config(), &source(BATCHES, 8), policy)
}

fn policy(directory: &Path) -> CheckpointPolicy {
    CheckpointPolicy::new(directory, "toy").every_steps(1)
}

/// Ends the process without any clean-up when epoch 3, batch 5 is asked for.
struct Deadly;

impl BatchSource for Deadly {
    type Batch = Batch;

    fn batches(&self) -> usize {
        BATCHES
    }

    fn epoch(&self, epoch: usize, start: usize) -> Result<Batches<'_, Batch>, BoxError> {
        let batches: Vec<_> = source(BATCHES, 8).epoch(epoch, start)?.collect();
        Ok(Box::new(batches.into_iter().enumerate().map(
            move |(i, b)| {
                if (epoch, start + i) == (3, 5) {
                    std::process::abort();
                }
                b
            },
        )))
    }
}

fn assert_same(a: &FitOutcome<Mlp<B>>, b: &FitOutcome<Mlp<B>>) {
    assert_eq!(bits::<B, _>(&a.model), bits::<B, _>(&b.model));
    assert_eq!(a.curve, b.curve, "to the last bit");
    assert_eq!((a.best, a.steps), (b.best, b.steps));
}

#[test]
fn a_killed_run_ends_with_the_same_bits() {
    let _guard = ONE_AT_A_TIME.lock();
    if let Ok(directory) = std::env::var(CHILD) {
        let policy = policy(Path::new(&directory));
        let _ = run_with(16, &run_config(), &Deadly, Some(&policy));
        unreachable!("the source ends this process");
    }
    let straight = run(None).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_run_ends_with_the_same_bits"])
        .env(CHILD, directory.path())
        .output()
        .unwrap()
        .status;
    assert!(!status.success(), "the child was killed");
    let resumed = run(Some(&policy(directory.path()))).unwrap();
    // Three whole epochs of four steps, then two steps of the fourth.
    assert_eq!(resumed.resumed_at, Some(14));
    assert_same(&straight, &resumed);
    assert_eq!(straight.best.map(|b| b.epoch), Some(1));

    // A finished run is free: no batch is asked for.
    struct Never;
    impl BatchSource for Never {
        type Batch = Batch;
        fn batches(&self) -> usize {
            BATCHES
        }
        fn epoch(&self, _: usize, _: usize) -> Result<Batches<'_, Batch>, BoxError> {
            Err("asked for a batch".into())
        }
    }
    let policy = policy(directory.path());
    let again = run_with(16, &run_config(), &Never, Some(&policy)).unwrap();
    assert_same(&straight, &again);
    policy.clear().unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn an_interrupted_run_continues_and_leftovers_are_removed() {
    let _guard = ONE_AT_A_TIME.lock();
    let directory = tempfile::tempdir().unwrap();
    let policy = CheckpointPolicy::new(directory.path(), "toy");
    std::fs::create_dir(directory.path().join(".partial-old")).unwrap();
    std::fs::write(directory.path().join(".partial-old/model.safetensors"), "x").unwrap();
    let device = Default::default();
    let steps = std::cell::Cell::new(0);
    let stop = || {
        steps.set(steps.get() + 1);
        steps.get() == 5
    };
    let go = |hooks: Hooks<'_, Mlp<Inner>>| {
        let model = Mlp::<B>::new(16, 0.3, &device);
        fit::<B, _, _, _>(model, &config(2), &loss, &source(5, 8), &device, hooks)
    };
    let straight = go(Hooks::none()).unwrap();
    let out = go(Hooks::none().checkpoint(&policy).stop(&stop));
    // The fifth step ends the first epoch; its checkpoint stands between two epochs.
    assert!(matches!(out, Err(TrainError::Interrupted { step: 5 })));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    let resumed = go(Hooks::none().checkpoint(&policy)).unwrap();
    assert_eq!(resumed.resumed_at, Some(5));
    assert_same(&straight, &resumed);
}

#[test]
fn an_optimiser_without_state_resumes_too() {
    let _guard = ONE_AT_A_TIME.lock();
    let directory = tempfile::tempdir().unwrap();
    let policy = CheckpointPolicy::new(directory.path(), "toy").every_steps(2);
    let plain = FitConfig {
        optimizer: OptimizerConfig::Sgd(SgdConfig {
            momentum: 0.0,
            nesterov: false,
        }),
        ..run_config()
    };
    let source = source(BATCHES, 8);
    let straight = run_with(16, &plain, &source, None).unwrap();
    let failing = FnSource::new(BATCHES, |epoch, index| {
        if (epoch, index) == (2, 6) {
            return Err("gone".into());
        }
        BatchSource::epoch(&source, epoch, index)?
            .next()
            .ok_or("no batch")?
    });
    assert!(run_with(16, &plain, &failing, Some(&policy)).is_err());
    let resumed = run_with(16, &plain, &source, Some(&policy)).unwrap();
    assert_eq!(resumed.resumed_at, Some(10));
    assert_same(&straight, &resumed);
}

/// A finished run in a fresh directory, and the path of its checkpoint.
fn finished() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    run(Some(&policy(directory.path()))).unwrap();
    let mut entries = std::fs::read_dir(directory.path()).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none(), "older checkpoints are removed");
    (directory, path)
}

#[test]
fn damaged_checkpoints_are_refused_by_name() {
    let _guard = ONE_AT_A_TIME.lock();
    let (directory, path) = finished();
    for name in [
        "model.safetensors",
        "optimizer.safetensors",
        "best.safetensors",
        "state.json",
    ] {
        let file = path.join(name);
        let good = std::fs::read(&file).unwrap();
        let mut flipped = good.clone();
        let middle = good.len() / 2;
        flipped[middle] ^= 0x40;
        for bad in [&good[..good.len() / 2], &[], &flipped] {
            std::fs::write(&file, bad).unwrap();
            let error = run(Some(&policy(directory.path())))
                .map(|_| ())
                .unwrap_err();
            let text = error.to_string();
            // A flipped bit of the JSON may still parse; then it changes the identity or a hash, or is refused as impossible.
            assert!(
                matches!(
                    error,
                    TrainError::Corrupt { .. } | TrainError::Foreign { .. }
                ),
                "{text}"
            );
            assert!(text.contains("step-"), "{text}");
        }
        std::fs::remove_file(&file).unwrap();
        let error = run(Some(&policy(directory.path())))
            .map(|_| ())
            .unwrap_err();
        assert!(matches!(error, TrainError::Io { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        std::fs::write(&file, &good).unwrap();
    }
    assert!(
        run(Some(&policy(directory.path()))).is_ok(),
        "the untouched one still loads"
    );
}

#[test]
fn foreign_checkpoints_are_refused() {
    let _guard = ONE_AT_A_TIME.lock();
    let (directory, _) = finished();
    let refused = |out: Result<FitOutcome<Mlp<B>>, TrainError>, words: &str| {
        let error = out.map(|_| ()).unwrap_err();
        assert!(matches!(error, TrainError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let policy = policy(directory.path());
    // Another configuration, another identity, another model, another number of batches.
    let longer = FitConfig {
        epochs: EPOCHS + 1,
        ..run_config()
    };
    let source7 = source(BATCHES, 8);
    refused(
        run_with(16, &longer, &source7, Some(&policy)),
        "configuration hash",
    );
    let other = CheckpointPolicy::new(directory.path(), "other data");
    refused(run(Some(&other)), "configuration hash");
    refused(
        run_with(8, &run_config(), &source7, Some(&policy)),
        "hidden.weight has shape",
    );
    refused(
        run_with(16, &run_config(), &source(3, 8), Some(&policy)),
        "never reaches",
    );
    // A later format.
    let state = std::fs::read_dir(directory.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("state.json");
    let text = std::fs::read_to_string(&state).unwrap();
    std::fs::write(&state, text.replacen("\"format\": 1", "\"format\": 2", 1)).unwrap();
    refused(run(Some(&policy)), "format");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let _guard = ONE_AT_A_TIME.lock();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    // A directory below a file can be made by nobody, not even by root (whom permissions do not stop).
    let policy = CheckpointPolicy::new(file.join("checkpoints"), "toy");
    let error = run(Some(&policy)).map(|_| ()).unwrap_err();
    assert!(matches!(error, TrainError::Io { .. }), "{error}");
    assert!(error.to_string().contains("checkpoints"), "{error}");
}
