//! The fourth stage: a map that is trained to move the tail's features to their calibrated places, and what is seen through it.

use std::collections::BTreeMap;

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use deblora_calib::{Classes, Features};
use eval::metric::names;
use eval::record::CurvePoint;
use heads::{LogisticConfig, LogisticProbe, LowRankMap, LowRankMapConfig, Standardiser};
use peft_lora::{BaseIdentity, LoadOptions, MethodConfig, PeftAdapter};
use rs_datasets::stream;
use serde::{Deserialize, Serialize};
use training::{FeatureMatrix, GroupConfig};

use super::centres::{Centres, cluster, debiased, distances};
use super::fit::Parts;
use super::optimise::{Task, selected, tensor};
use super::rows::{Labelled, calibration_of};
use super::stages::Stages;
use super::task::constants;
use super::tokens::Bank;
use crate::experiment::{Apply, LearnedMap, MapPlace};
use crate::run::RunError;
use crate::run::backbone::Backbone;
use crate::run::seed::SeedRun;

/// The names of the stages' files.
const CLUSTERS: &str = "2-clusters";
const CALIBRATION: &str = "3-calibration";
const MAP: &str = "4-map";

/// The parts as they are seen through the map, and what was measured on the way.
pub(super) struct Learned {
    pub(super) parts: Parts,
    /// Training and validation rows behind the map, before they are standardised anew.
    pub(super) mapped: [Labelled; 2],
    pub(super) parameters: usize,
    pub(super) curve: Vec<CurvePoint>,
    pub(super) extra: BTreeMap<String, Option<f64>>,
}

/// What the third stage made, per class.
#[derive(Serialize, Deserialize)]
struct CalibrationNote {
    classes: Vec<String>,
    rows: Vec<usize>,
    tail: Vec<usize>,
    alphas: Vec<f64>,
    /// Absent for a class without rows.
    debiased: Vec<Option<Vec<f32>>>,
}

/// What the fourth stage made: the training curve; of a map on the output also its matrices.
#[derive(Serialize, Deserialize)]
struct MapNote {
    curve: Vec<CurvePoint>,
    down: Vec<f32>,
    up: Vec<f32>,
}

/// The encoder behind its cached tokens.
pub(super) struct Encoder<'a, B: Backend> {
    pub(super) base: &'a Backbone<B>,
    pub(super) bank: &'a Bank<'a>,
    /// Statistics with which features before the map were standardised.
    pub(super) statistics: &'a Standardiser,
}

impl SeedRun<'_> {
    /// Clusters, calibrates, learns the map and applies it. `encoder` is needed where the map acts inside.
    pub(super) fn learned<B: AutodiffBackend>(
        &self,
        config: &LearnedMap,
        parts: &Parts,
        encoder: Option<&Encoder<'_, B>>,
        stages: &Stages,
        device: &B::Device,
    ) -> Result<Learned, RunError> {
        let train = &parts.train;
        let features = Features::new("the training features", &train.values, train.dim)?;
        let classes = Classes::new(&train.labels, parts.classes.len())?;
        let clusters = stages.make(CLUSTERS, || {
            cluster(&config.targets, &features, &classes, self.seed)
        })?;
        let debiased = debiased(&clusters, &features, &classes)?;
        let calibration = calibration_of(&config.targets, &parts.tail);
        let alphas = calibration.alphas(&classes.sizes())?.alphas;
        stages.make(CALIBRATION, || {
            Ok(CalibrationNote {
                classes: parts.classes.clone(),
                rows: classes.sizes(),
                tail: parts.tail.clone(),
                alphas: alphas.clone(),
                debiased: (0..parts.classes.len())
                    .map(|class| debiased.of(class).map(<[f32]>::to_vec))
                    .collect(),
            })
        })?;
        let mut rng = stream(&["calibration", &self.seed.to_string()]);
        let targets = calibration.targets(&features, &classes, &debiased, &mut rng)?;
        let task = Task {
            config,
            targets: &targets,
            others: (0..train.labels.len())
                .filter(|&row| !parts.tail.contains(&train.labels[row]))
                .collect(),
            train,
        };
        let (mapped, parameters, curve) = match (&config.place, encoder) {
            (
                MapPlace::Output {
                    rank,
                    alpha,
                    per_class,
                },
                _,
            ) => {
                let gate = if *per_class { Some(gate(parts)?) } else { None };
                let settings = LowRankMapConfig {
                    dim: train.dim,
                    rank: *rank,
                    alpha: *alpha,
                    maps: gate.as_ref().map_or(1, |_| parts.tail.len().max(1)),
                };
                self.on_output::<B>(&settings, gate.as_ref(), parts, &task, stages, device)?
            }
            (MapPlace::Encoder { lora }, Some(encoder)) => {
                self.in_encoder(lora, encoder, &task, stages, device)?
            }
            // The caller builds the tokens for every map of that place.
            (MapPlace::Encoder { .. }, None) => {
                return Err(RunError::Head(heads::HeadError::Empty {
                    what: "the table of tokens",
                }));
            }
        };
        let mut extra = distances(&Centres { debiased, alphas }, parts)?;
        for (name, group) in [
            (names::DISPLACEMENT_HEAD, &parts.head),
            (names::DISPLACEMENT_TAIL, &parts.tail),
        ] {
            let moved = displacement(&parts.validation, &mapped[1], group);
            extra.insert(name.into(), moved);
        }
        let [train, validation, _] = &mapped;
        Ok(Learned {
            mapped: [train.clone(), validation.clone()],
            parts: applied(config.apply, parts, mapped)?,
            parameters,
            curve,
            extra,
        })
    }

    /// A low-rank residual on standardised features.
    fn on_output<B: AutodiffBackend>(
        &self,
        settings: &LowRankMapConfig,
        gate: Option<&LogisticProbe>,
        parts: &Parts,
        task: &Task<'_>,
        stages: &Stages,
        device: &B::Device,
    ) -> Result<([Labelled; 3], usize, Vec<CurvePoint>), RunError> {
        let shares = |part: &Labelled| -> Result<Option<FeatureMatrix>, RunError> {
            let Some(gate) = gate else { return Ok(None) };
            let probabilities = gate.probabilities(&part.table()?)?;
            let rows = probabilities.chunks_exact(gate.classes());
            let values = rows.flat_map(|row| parts.tail.iter().map(|&class| row[class] as f32));
            Ok(Some(FeatureMatrix {
                rows: part.labels.len(),
                dim: parts.tail.len(),
                values: values.collect(),
            }))
        };
        let model: LowRankMap<B> = settings.init(self.seed, device)?;
        let own = shares(task.train)?;
        let (model, curve) = match stages.get::<MapNote>(MAP) {
            Some(note) if note.down.len() == settings.dim * settings.rank * settings.maps => {
                let (down, up) = (model.down.dims(), model.up.dims());
                let filled = |values: Vec<f32>, shape: [usize; 2]| {
                    Tensor::<B, 2>::from_data(TensorData::new(values, shape), device)
                };
                let mut model = model;
                model.down = model.down.map(|_| filled(note.down, down));
                model.up = model.up.map(|_| filled(note.up, up));
                (model, note.curve)
            }
            _ => {
                let forward = |model: &LowRankMap<B>, rows: &[usize]| {
                    let shares = own.as_ref().map(|own| tensor(&own.select(rows), device));
                    model.forward(tensor(&selected(task.train, rows), device), shares)
                };
                let groups = vec![
                    GroupConfig::new("map", &["*"], task.config.learning_rate)
                        .with_weight_decay(task.config.weight_decay),
                ];
                let (model, curve) = self.optimise(model, task, groups, forward, device)?;
                let host = |tensor: Tensor<B, 2>| tensor.into_data().iter::<f32>().collect();
                let note = MapNote {
                    curve: curve.clone(),
                    down: host(model.down.val()),
                    up: host(model.up.val()),
                };
                stages.put(MAP, &note)?;
                (model, curve)
            }
        };
        let inner = model.valid();
        let map = |part: &Labelled| -> Result<Labelled, RunError> {
            let all: Vec<usize> = (0..part.labels.len()).collect();
            let shares = shares(part)?.map(|shares| tensor(&shares, device));
            let mapped = inner.forward(tensor(&selected(part, &all), device), shares);
            Ok(Labelled {
                values: mapped.into_data().iter::<f32>().collect(),
                labels: part.labels.clone(),
                dim: part.dim,
            })
        };
        let mapped = [
            map(&parts.train)?,
            map(&parts.validation)?,
            map(&parts.test)?,
        ];
        Ok((mapped, model.num_params(), curve))
    }

    /// A LoRA in the blocks behind the cached tokens.
    fn in_encoder<B: AutodiffBackend>(
        &self,
        method: &MethodConfig,
        encoder: &Encoder<'_, B>,
        task: &Task<'_>,
        stages: &Stages,
        device: &B::Device,
    ) -> Result<([Labelled; 3], usize, Vec<CurvePoint>), RunError> {
        let Encoder {
            base,
            bank,
            statistics,
        } = *encoder;
        let folder = stages.folder.join(MAP);
        let (adapter, curve) = match stages.get::<MapNote>(MAP) {
            Some(note) => {
                let options = LoadOptions::default();
                let found = PeftAdapter::load(&folder, &base.vit, &base.config, &options, device)?;
                (found.adapter, note.curve)
            }
            None => {
                let adapter: PeftAdapter<B> =
                    method.init(&base.vit, &base.config, self.seed, device)?;
                let (mean, std) = constants::<B>(statistics, device);
                let trunk = bank.trunk(&base.vit, device);
                let forward = |adapter: &PeftAdapter<B>, rows: &[usize]| {
                    let tokens = trunk.batch(&bank.train, rows, device);
                    (trunk.features(adapter, tokens) - mean.clone()) / std.clone()
                };
                let rate = task.config.learning_rate;
                let groups = method.rate_groups().into_iter().map(|group| {
                    GroupConfig::new(group.name, &group.patterns, rate * group.factor)
                        .with_weight_decay(task.config.weight_decay)
                });
                let (adapter, curve) =
                    self.optimise(adapter, task, groups.collect(), forward, device)?;
                // What it was trained on may hold a task's LoRA; the row says so.
                let identity = BaseIdentity {
                    sha256: None,
                    name: Some(self.experiment.backbone.weights.clone()),
                };
                adapter.valid().save(&folder, method, None, &identity)?;
                let note = MapNote {
                    curve: curve.clone(),
                    down: Vec::new(),
                    up: Vec::new(),
                };
                stages.put(MAP, &note)?;
                (adapter, curve)
            }
        };
        let (vit, inner) = (base.vit.valid(), adapter.valid());
        let trunk = bank.trunk(&vit, device);
        let map = |tokens: &FeatureMatrix, labels: &[usize]| -> Result<Labelled, RunError> {
            let features = trunk.features_of(&inner, tokens, device)?;
            let raw = Labelled {
                values: features.values,
                labels: labels.to_vec(),
                dim: features.dim,
            };
            raw.standardised(statistics)
        };
        // Labels of the other parts are the caller's.
        let mapped = [
            map(&bank.train, &task.train.labels)?,
            map(&bank.validation, &[])?,
            map(&bank.test, &[])?,
        ];
        Ok((mapped, adapter.trainable_parameters(), curve))
    }
}

/// A probe that tells the probability of every class for unmapped features, as for balanced classes.
fn gate(parts: &Parts) -> Result<LogisticProbe, RunError> {
    let config = LogisticConfig {
        standardise: false,
        ..LogisticConfig::default()
    };
    let (train, classes) = (&parts.train, parts.classes.len());
    let probe = LogisticProbe::fit(&config, &train.table()?, &train.labels, classes)?;
    Ok(probe.logit_adjusted(&train.counts(classes), 1.0)?)
}

/// The parts as the probe is to see them.
fn applied(apply: Apply, parts: &Parts, mapped: [Labelled; 3]) -> Result<Parts, RunError> {
    let [train, validation, test] = mapped;
    let with = |train, validation, test| Parts {
        train,
        validation,
        test,
        classes: parts.classes.clone(),
        head: parts.head.clone(),
        tail: parts.tail.clone(),
    };
    match apply {
        Apply::All => {
            let statistics = Standardiser::fit(&train.table()?);
            let again = |part: Labelled, like: &Labelled| {
                let part = Labelled {
                    labels: like.labels.clone(),
                    ..part
                };
                part.standardised(&statistics)
            };
            Ok(with(
                again(train, &parts.train)?,
                again(validation, &parts.validation)?,
                again(test, &parts.test)?,
            ))
        }
        Apply::AppendTail => {
            let mut joined = parts.train.clone();
            for (row, &label) in parts.train.labels.iter().enumerate() {
                if parts.tail.contains(&label) {
                    joined.push(train.row(row), label);
                }
            }
            Ok(with(joined, parts.validation.clone(), parts.test.clone()))
        }
    }
}

/// Mean distance over which rows of some classes are moved; absent where there are none.
fn displacement(before: &Labelled, after: &Labelled, classes: &[usize]) -> Option<f64> {
    let rows = before.labels.iter().enumerate();
    let distances: Vec<f64> = rows
        .filter(|(_, label)| classes.contains(label))
        .map(|(row, _)| {
            let pairs = before.row(row).iter().zip(after.row(row));
            pairs
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>()
                .sqrt()
        })
        .collect();
    (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
}
