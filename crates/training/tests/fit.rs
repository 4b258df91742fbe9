//! The loop: it learns, accumulates, stops early, restores the best, and names what goes wrong.

mod common;

use std::cell::Cell;

use burn::tensor::Tensor;
use common::{B, Batch, Inner, Mlp, accuracy, batch, bits, config, loss, source};
use training::{
    BatchSource, Batches, BoxError, EarlyStopping, EpochPoint, FitConfig, FitOutcome, FnSource,
    GroupConfig, Hooks, Loss, Plan, Progress, ScheduleConfig, StepContext, StepReport, TrainError,
    fit,
};

fn model() -> Mlp<B> {
    Mlp::new(16, 0.0, &Default::default())
}

fn train(
    config: &FitConfig,
    objective: &impl training::Objective<B, Mlp<B>, Batch>,
    source: &impl BatchSource<Batch = Batch>,
    hooks: Hooks<'_, Mlp<Inner>>,
) -> Result<FitOutcome<Mlp<B>>, TrainError> {
    fit::<B, _, _, _>(
        model(),
        config,
        objective,
        source,
        &Default::default(),
        hooks,
    )
}

#[test]
fn learns_and_reports_its_curve() {
    let mut scores = Vec::new();
    let mut validate = |m: &Mlp<Inner>, epoch: usize| -> Result<f64, BoxError> {
        let score = accuracy(m, 96);
        scores.push((epoch, score));
        Ok(score)
    };
    let config = FitConfig {
        validate_every: 4,
        clip_norm: Some(1.0),
        ..config(10)
    };
    let hooks = Hooks::none().validate(&mut validate);
    let out = train(&config, &loss, &source(12, 8), hooks).unwrap();
    let losses: Vec<f64> = out
        .curve
        .epochs
        .iter()
        .map(|p| p.train_loss.unwrap())
        .collect();
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < 0.5 * losses[0], "{losses:?}");
    assert_eq!(scores.iter().map(|s| s.0).collect::<Vec<_>>(), [3, 7, 9]);
    assert!(scores[2].1 > 0.9, "{scores:?}");
    assert_eq!(out.steps, 120);
    assert_eq!(out.groups[0].name, "body");
    let points = &out.curve.epochs;
    assert!(points[3].score.is_some() && points[4].score.is_none());
    assert!(points.iter().all(|p| p.gradient_norm.is_some()));
    assert!(points[9].rate_factor < 0.01 && points[1].rate_factor > 0.9);
    let best = out.best.unwrap();
    assert!(scores.contains(&(best.epoch, best.score)));
}

#[test]
fn the_same_run_twice_gives_the_same_bits_and_another_seed_does_not_matter_without_dropout() {
    let run = |seed| {
        let config = FitConfig { seed, ..config(2) };
        bits::<B, _>(
            &train(&config, &loss, &source(4, 8), Hooks::none())
                .unwrap()
                .model,
        )
    };
    assert_eq!(run(1), run(1));
    assert_eq!(run(1), run(2));
}

#[test]
fn accumulating_uneven_batches_equals_one_big_batch() {
    let whole = FnSource::new(3, |_, step| Ok(batch(step * 16..step * 16 + 16)));
    // The same 16 items per step, cut 7 + 5 + 4: the weights must undo the unequal sizes.
    let cuts = [0, 7, 12, 16];
    let parts = FnSource::new(9, move |_, i| {
        let (step, part) = (i / 3, i % 3);
        Ok(batch(step * 16 + cuts[part]..step * 16 + cuts[part + 1]))
    });
    let big = train(&config(2), &loss, &whole, Hooks::none()).unwrap();
    let config = FitConfig {
        accumulate: 3,
        ..config(2)
    };
    let small = train(&config, &loss, &parts, Hooks::none()).unwrap();
    assert_eq!(big.steps, small.steps);
    for (a, b) in big.curve.epochs.iter().zip(&small.curve.epochs) {
        assert!((a.train_loss.unwrap() - b.train_loss.unwrap()).abs() < 1e-5);
        assert!((a.gradient_norm.unwrap() - b.gradient_norm.unwrap()).abs() < 1e-4);
    }
    let flat = |m: &Mlp<B>| -> Vec<f32> { m.hidden.weight.val().into_data().to_vec().unwrap() };
    for (a, b) in flat(&big.model).iter().zip(flat(&small.model)) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn the_last_step_of_an_epoch_takes_what_is_left() {
    let config = FitConfig {
        accumulate: 4,
        ..config(3)
    };
    let out = train(&config, &loss, &source(10, 4), Hooks::none()).unwrap();
    assert_eq!(out.steps, 9, "ceil(10 / 4) steps per epoch");
}

#[test]
fn early_stopping_waits_and_the_best_comes_back() {
    let mut seen = Vec::new();
    // Best after epoch 1, then two worse ones.
    let mut validate = |m: &Mlp<Inner>, epoch: usize| -> Result<f64, BoxError> {
        seen.push(bits::<Inner, _>(m));
        Ok([0.5, 0.9, 0.9, 0.2, 0.95][epoch])
    };
    let config = FitConfig {
        early_stopping: Some(EarlyStopping { patience: 2 }),
        restore_best: true,
        ..config(5)
    };
    let hooks = Hooks::none().validate(&mut validate);
    let out = train(&config, &loss, &source(4, 8), hooks).unwrap();
    assert!(out.stopped_early);
    assert_eq!(out.curve.epochs.len(), 4);
    assert_eq!(out.best.map(|b| (b.epoch, b.score)), Some((1, 0.9)));
    assert_eq!(
        bits::<B, _>(&out.model),
        seen[1],
        "an equal score does not replace the first best"
    );
    assert_ne!(bits::<B, _>(&out.model), seen[3]);
}

#[test]
fn a_batch_of_weight_zero_changes_nothing() {
    let objective = |m: &Mlp<B>, b: Batch, c: &StepContext| Ok(loss(m, b, c)?.with_weight(0.0));
    let out = train(&config(2), &objective, &source(3, 4), Hooks::none()).unwrap();
    assert_eq!(bits::<B, _>(&out.model), bits::<B, _>(&model()));
    assert_eq!(out.curve.epochs[0].train_loss, None);
    assert_eq!(out.curve.epochs[0].gradient_norm, None);
}

#[test]
fn only_grouped_parameters_move() {
    use burn::module::Module;
    let mut frozen = model();
    frozen.hidden = frozen.hidden.no_grad();
    let before = bits::<B, _>(&frozen);
    let groups = vec![GroupConfig::new("head", &["head.*"], 1e-1)];
    let config = FitConfig::new(1, 0, groups, ScheduleConfig::constant());
    let device = Default::default();
    let out = fit::<B, _, _, _>(
        frozen,
        &config,
        &loss,
        &source(3, 4),
        &device,
        Hooks::none(),
    )
    .unwrap();
    let after = bits::<B, _>(&out.model);
    for ((name, a), (_, b)) in before.iter().zip(&after) {
        assert_eq!(a == b, name.starts_with("hidden"), "{name}");
    }
}

#[test]
fn a_loss_that_is_not_finite_names_its_step() {
    for bad in [f32::NAN, f32::INFINITY] {
        let objective = |m: &Mlp<B>, b: Batch, c: &StepContext| {
            let mut out = loss(m, b, c)?;
            if c.epoch == 1 && c.batch == 2 {
                out.value = out.value * bad;
            }
            Ok(out)
        };
        match train(&config(3), &objective, &source(5, 4), Hooks::none()) {
            Err(TrainError::NonFiniteLoss {
                step: 7,
                epoch: 1,
                batch: 2,
                value,
            }) => assert!(!value.is_finite()),
            other => panic!("{:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn a_gradient_that_is_not_finite_is_caught_before_it_spoils_the_parameters() {
    // sqrt has an infinite slope at zero, although its value is fine; times zero that is NaN.
    let objective = |m: &Mlp<B>, _: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> {
        let zero = m.head.bias.as_ref().unwrap().val() * 0.0;
        Ok(Loss::mean(zero.sqrt().sum(), 1))
    };
    let out = train(&config(1), &objective, &source(2, 4), Hooks::none());
    assert!(matches!(
        out,
        Err(TrainError::NonFiniteGradient { step: 0, .. })
    ));
}

#[test]
fn a_loss_that_ignores_the_model_is_an_error() {
    let objective = |_: &Mlp<B>, _: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> {
        Ok(Loss::mean(Tensor::ones([1], &Default::default()), 1))
    };
    let out = train(&config(1), &objective, &source(2, 4), Hooks::none());
    assert!(matches!(out, Err(TrainError::NoGradient { step: 0 })));
}

#[test]
fn errors_of_the_caller_keep_their_place_and_text() {
    let failing = FnSource::new(4, |epoch, index| {
        if (epoch, index) == (1, 3) {
            return Err("patch_17.tif is truncated".into());
        }
        Ok(batch(0..4))
    });
    let error = train(&config(2), &loss, &failing, Hooks::none()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the batch source failed at epoch 1, batch 3: patch_17.tif is truncated"
    );
    let objective =
        |_: &Mlp<B>, _: Batch, _: &StepContext| -> Result<Loss<B>, BoxError> { Err("no".into()) };
    let error = train(&config(1), &objective, &source(2, 4), Hooks::none()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the objective failed at epoch 0, batch 0")
    );
    let mut validate = |_: &Mlp<Inner>, _: usize| -> Result<f64, BoxError> { Ok(f64::NAN) };
    let hooks = Hooks::none().validate(&mut validate);
    assert!(matches!(
        train(&config(1), &loss, &source(2, 4), hooks),
        Err(TrainError::NonFiniteScore { epoch: 0, .. })
    ));
}

/// Announces `said` batches and gives `given`.
struct Liar {
    said: usize,
    given: usize,
}

impl BatchSource for Liar {
    type Batch = Batch;

    fn batches(&self) -> usize {
        self.said
    }

    fn epoch(&self, _epoch: usize, start: usize) -> Result<Batches<'_, Batch>, BoxError> {
        Ok(Box::new((start..self.given).map(|_| Ok(batch(0..4)))))
    }
}

#[test]
fn a_source_that_miscounts_is_an_error() {
    for given in [2, 4] {
        let out = train(&config(1), &loss, &Liar { said: 3, given }, Hooks::none());
        assert!(matches!(
            out,
            Err(TrainError::BatchCount { expected: 3, found, .. }) if found == given
        ));
    }
    let empty = train(
        &config(1),
        &loss,
        &Liar { said: 0, given: 0 },
        Hooks::none(),
    );
    assert!(matches!(empty, Err(TrainError::Setting { .. })));
}

#[test]
fn impossible_settings_are_errors() {
    let good = config(2);
    let bad = [
        FitConfig {
            epochs: 0,
            ..good.clone()
        },
        FitConfig {
            accumulate: 0,
            ..good.clone()
        },
        FitConfig {
            validate_every: 0,
            ..good.clone()
        },
        FitConfig {
            clip_norm: Some(0.0),
            ..good.clone()
        },
        FitConfig {
            clip_norm: Some(f64::NAN),
            ..good.clone()
        },
        FitConfig {
            restore_best: true,
            ..good.clone()
        },
        FitConfig {
            early_stopping: Some(EarlyStopping { patience: 1 }),
            ..good.clone()
        },
        FitConfig {
            schedule: ScheduleConfig::cosine(2.0),
            ..good.clone()
        },
    ];
    for config in bad {
        let out = train(&config, &loss, &source(2, 4), Hooks::none());
        assert!(matches!(out, Err(TrainError::Setting { .. })), "{config:?}");
    }
    let objective = |m: &Mlp<B>, b: Batch, c: &StepContext| Ok(loss(m, b, c)?.with_weight(-1.0));
    let out = train(&good, &objective, &source(2, 4), Hooks::none());
    assert!(matches!(out, Err(TrainError::BatchWeight { .. })));
    let json = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<FitConfig>(&json).unwrap(), good);
    let unknown = json.replacen("\"epochs\"", "\"epoch_count\":3,\"epochs\"", 1);
    let error = serde_json::from_str::<FitConfig>(&unknown).unwrap_err();
    assert!(error.to_string().contains("epoch_count"), "{error}");
    let nested = json.replacen("\"beta1\"", "\"beta_one\":3,\"beta1\"", 1);
    assert!(serde_json::from_str::<FitConfig>(&nested).is_err());
}

/// Counts what a run tells.
#[derive(Default)]
struct Counter {
    plan: Option<Plan>,
    steps: Vec<usize>,
    items: usize,
    epochs: usize,
    ended: usize,
}

impl Progress for Counter {
    fn begin(&mut self, plan: &Plan) {
        self.plan = Some(*plan);
    }

    fn step(&mut self, report: &StepReport) {
        self.steps.push(report.step);
        self.items += report.items;
        assert!(report.loss.unwrap() > 0.0);
    }

    fn epoch(&mut self, _: &EpochPoint) {
        self.epochs += 1;
    }

    fn end(&mut self) {
        self.ended += 1;
    }
}

#[test]
fn progress_hears_every_step_and_the_end_even_of_a_stopped_run() {
    let mut counter = Counter::default();
    let config = FitConfig {
        accumulate: 2,
        ..config(2)
    };
    train(
        &config,
        &loss,
        &source(5, 4),
        Hooks::none().progress(&mut counter),
    )
    .unwrap();
    let plan = Plan {
        epochs: 2,
        steps: 6,
        done: 0,
    };
    assert_eq!(counter.plan, Some(plan));
    assert_eq!(counter.steps, [1, 2, 3, 4, 5, 6]);
    assert_eq!((counter.items, counter.epochs, counter.ended), (40, 2, 1));

    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() == 2
    };
    let mut counter = Counter::default();
    let hooks = Hooks::none().progress(&mut counter).stop(&stop);
    let out = train(&config, &loss, &source(5, 4), hooks);
    assert!(matches!(out, Err(TrainError::Interrupted { step: 2 })));
    assert_eq!((counter.steps.len(), counter.ended), (2, 1));
}

#[test]
fn objectives_need_no_labels() {
    // Distillation: match given features. The batch is any type.
    let device = Default::default();
    let targets = FnSource::new(4, |_, i| Ok((batch(i * 8..i * 8 + 8), 0.25_f32)));
    let objective =
        |m: &Mlp<B>, (b, target): (Batch, f32), _: &StepContext| -> Result<Loss<B>, BoxError> {
            let out: Tensor<B, 2> = m.forward(common::inputs(&b, &Default::default()));
            Ok(Loss::mean((out - target).powi_scalar(2).mean(), 8))
        };
    let out = fit::<B, _, _, _>(
        model(),
        &config(20),
        &objective,
        &targets,
        &device,
        Hooks::none(),
    )
    .unwrap();
    let points = &out.curve.epochs;
    assert!(points[19].train_loss < points[0].train_loss.map(|l| 0.2 * l));
}
