//! The whole loop on every backend: it learns, and continues from a checkpoint where it stopped.

mod common;

use std::cell::Cell;

use burn::tensor::TensorData;
use burn::tensor::backend::AutodiffBackend;
use common::{Mlp, accuracy, config, loss, source};
use testkit::{Tolerance, assert_close};
use training::{
    BoxError, CheckpointPolicy, FitConfig, FitOutcome, Hooks, ModuleState, TrainError, fit,
};

/// A resumed run against a straight one on a backend that may sum in another order each time: rounding grows over the
/// remaining steps.
const RESUMED: Tolerance = Tolerance {
    name: "resumed run",
    relative: 1e-4,
};

fn learns_and_resumes<B: AutodiffBackend>() {
    let device = B::Device::default();
    let directory = tempfile::tempdir().unwrap();
    let policy = CheckpointPolicy::new(directory.path(), "toy");
    let config = FitConfig {
        clip_norm: Some(1.0),
        accumulate: 2,
        ..config(8)
    };
    type Stop<'a> = Option<&'a dyn Fn() -> bool>;
    let run = |policy: Option<&CheckpointPolicy>,
               stop: Stop<'_>|
     -> Result<FitOutcome<Mlp<B>>, TrainError> {
        let model = Mlp::<B>::new(16, 0.0, &device);
        let mut validate =
            |m: &Mlp<B::InnerBackend>, _: usize| -> Result<f64, BoxError> { Ok(accuracy(m, 96)) };
        let mut hooks = Hooks::none().validate(&mut validate);
        if let Some(policy) = policy {
            hooks = hooks.checkpoint(policy);
        }
        if let Some(stop) = stop {
            hooks = hooks.stop(stop);
        }
        fit::<B, _, _, _>(model, &config, &loss::<B>, &source(12, 8), &device, hooks)
    };
    let straight = run(None, None).unwrap();
    assert!(straight.best.unwrap().score > 0.9, "{:?}", straight.curve);
    let steps = Cell::new(0);
    let stop = || {
        steps.set(steps.get() + 1);
        steps.get() == 12
    };
    let stopped = run(Some(&policy), Some(&stop));
    assert!(matches!(stopped, Err(TrainError::Interrupted { .. })));
    let resumed = run(Some(&policy), None).unwrap();
    assert!(resumed.resumed_at.is_some());
    let expected = ModuleState::of(&straight.model);
    let found = ModuleState::of(&resumed.model);
    for ((name, a), (_, e)) in found.entries().iter().zip(expected.entries()) {
        assert_close(a, e, RESUMED, name);
    }
    let losses = |out: &FitOutcome<Mlp<B>>| {
        let losses: Vec<f64> = out
            .curve
            .epochs
            .iter()
            .filter_map(|p| p.train_loss)
            .collect();
        TensorData::new(losses, [8])
    };
    assert_close(&losses(&resumed), &losses(&straight), RESUMED, "curve");
}

testkit::backend_matrix!(learns_and_resumes);
