//! Long-tailed rows: features once, then any number of cheap recipes on them.
//!
//! The stages are those of debLoRA: (1) features, frozen or behind a LoRA that was trained on the task, (2) clusters, (3) calibration,
//! (4) a learned map, (5) a linear probe. Every seed and every row of a table draws its parts from the same images, so frozen features
//! of the whole pool, and the tokens before the first adapted block, are computed once and kept in the cache of features.

mod analyses;
mod centres;
mod experts;
mod fit;
mod learn;
mod optimise;
mod parts;
mod picture;
mod rows;
mod stages;
mod task;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;
use eval::metric::{ClassGroups, Probabilities, evaluate};
use eval::record::SeedResult;
use heads::{LogisticProbe, Standardiser};
use peft_lora::MethodConfig;
use rs_datasets::{Dataset, Split};
use serde::{Deserialize, Serialize};

use super::RunError;
use super::backbone::Backbone;
use super::finish::Counts;
use super::predictions::Predictions;
use super::prefix::first_block;
use super::seed::{Samples, SeedOutput, SeedRun};
use super::view::View;
use crate::experiment::{Balance, LongTailProbe, MapPlace, Method};
use fit::{Parts, fit};
use learn::Encoder;
use parts::Way;
use rows::Labelled;
use stages::Stages;

impl SeedRun<'_> {
    /// Runs one seed of a long-tailed row. `started` is the clock at its start.
    pub(super) fn long_tailed<B: AutodiffBackend>(
        &self,
        ((head_classes, tail_classes), recipe): ((usize, usize), &LongTailProbe),
        dataset: Arc<dyn Dataset>,
        split: &Split,
        base: &Backbone<B>,
        device: &B::Device,
        started: Duration,
    ) -> Result<SeedOutput, RunError> {
        let classes = dataset.classes().to_vec();
        let view = View::new(dataset.clone(), &self.experiment.input, split, &base.input)?;
        let samples = Samples {
            all: Arc::new(view),
            train: 0,
        };
        let readout = self.readout(&samples, base, device)?;
        let way = Way {
            dataset,
            split,
            base,
            samples,
            readout,
            device,
        };
        let pool = self.pool(&way)?;
        let mut raw = [
            pool.part(split, "train")?,
            pool.part(split, "validation")?,
            pool.part(split, "test")?,
        ];
        let drawn = raw[0].counts(classes.len());
        let counts: Vec<u64> = drawn.iter().map(|&n| n as u64).collect();
        let groups = ClassGroups::by_training_rank(&counts, head_classes, tail_classes)?;
        let group = |name: &str| {
            let found = groups.groups().iter().find(|group| group.name == name);
            found.map_or(Vec::new(), |group| group.classes.clone())
        };

        let method = match &self.experiment.method {
            Method::Weights(method @ (MethodConfig::Lora(_) | MethodConfig::Dora(_))) => {
                Some(method)
            }
            _ => None,
        };
        let inside = match recipe.learned.as_ref().map(|learned| &learned.place) {
            Some(MapPlace::Encoder { lora }) => Some(lora),
            _ => None,
        };
        let stages = Stages::new(
            self.folder.join(format!("seed-{}.stages", self.seed)),
            self.checkpoint_id(),
            method.is_some() || recipe.learned.is_some(),
        );
        let firsts: Vec<usize> = method
            .into_iter()
            .chain(inside)
            .map(|lora| first_block(lora, &base.config))
            .collect::<Result<_, _>>()?;
        let bank = match firsts.iter().min() {
            Some(&first) => Some(self.bank(&way, first)?),
            None => None,
        };
        let mut curve = Vec::new();
        let mut trained = 0;
        let mut tuned = None;
        if let (Some(method), Some(bank)) = (method, &bank) {
            let task = self.task(method, base, bank, (&raw[0], &drawn), &stages, device)?;
            let vit = task.vit.valid();
            let trunk = bank.trunk(&vit, device);
            for (part, tokens) in raw
                .iter_mut()
                .zip([&bank.train, &bank.validation, &bank.test])
            {
                part.values = trunk.features_of(&(), tokens, device)?.values;
            }
            trained += task.parameters;
            curve = task.curve;
            tuned = Some(Backbone {
                vit: task.vit,
                config: base.config.clone(),
                sha256: base.sha256.clone(),
                input: base.input.clone(),
            });
        }
        let base_now = tuned.as_ref().unwrap_or(base);

        let statistics = Standardiser::fit(&raw[0].table()?);
        let [train, validation, test] = &raw;
        let parts = Parts {
            train: train.standardised(&statistics)?,
            validation: validation.standardised(&statistics)?,
            test: test.standardised(&statistics)?,
            classes: classes.clone(),
            head: group("head"),
            tail: group("tail"),
        };
        let mut extra = BTreeMap::new();
        let mut moved = None;
        let seen = match &recipe.learned {
            None => parts.clone(),
            Some(config) => {
                let encoder = bank.as_ref().map(|bank| Encoder {
                    base: base_now,
                    bank,
                    statistics: &statistics,
                });
                let learned = self.learned(config, &parts, encoder.as_ref(), &stages, device)?;
                trained += learned.parameters;
                curve = learned.curve;
                extra.extend(learned.extra);
                moved = Some(learned.mapped);
                learned.parts
            }
        };
        let fitted = fit(recipe, &seen, &drawn, self.seed)?;
        extra.extend(fitted.extra);
        if recipe.analyses {
            extra.extend(analyses::measured(&seen)?);
        }
        if recipe.picture && self.experiment.seeds.first() == Some(&self.seed) {
            let path = self.folder.join(format!("seed-{}.features.svg", self.seed));
            picture::draw(recipe, &parts, moved.as_ref(), self.seed, &path)?;
        }
        let mut probe = fitted.probe;
        if let (
            Some(experts),
            Balance::Sade {
                test_time: true, ..
            },
        ) = (&fitted.experts, &recipe.balance)
        {
            let flipped = self.flipped(&way, base_now, method.is_some())?;
            let flipped = Labelled {
                values: flipped.values,
                ..test.clone()
            };
            let views = [&seen.test, &flipped.standardised(&statistics)?];
            let (aggregated, shares) = experts::aggregated::<B>(experts, views, self.seed, device)?;
            probe = aggregated;
            for (expert, share) in shares.into_iter().enumerate() {
                extra.insert(format!("expert_{}", expert + 1), Some(share));
            }
        }
        stages.put("5-probe", &ProbeNote::new(&classes, &probe))?;

        let queries = seen.test.table()?;
        let predicted = probe.predict(&queries)?;
        let values: Vec<f32> = probe
            .probabilities(&queries)?
            .iter()
            .map(|&p| p as f32)
            .collect();
        let probabilities = Probabilities::from_probabilities(&values, probe.classes())?;
        let truth = seen.test.labels;
        let evaluation = evaluate(
            &classes,
            &truth,
            &predicted,
            Some(&probabilities),
            Some(&groups),
        )?;
        let mut result = SeedResult::from_evaluation(self.seed, Some(split.sha256()), evaluation);
        result.metrics.extend(extra);
        result.curve = curve;
        result.n_train = Some(fitted.rows as u64);
        let file = format!("seed-{}.predictions.json", self.seed);
        let ids = split.part("test")?.to_vec();
        Predictions::new(ids, &classes, truth, predicted, Some(&probabilities))
            .write(&self.folder.join(&file))?;
        result.predictions = Some(file);
        let counts = Counts {
            adapted: trained,
            head: Some(probe.weight.len() + probe.bias.len()),
            backbone: base.vit.num_params(),
        };
        let weights = base.sha256.clone();
        Ok(self.finished(result, &counts, weights, None, started))
    }
}

/// The fifth stage as a file.
#[derive(Serialize, Deserialize)]
struct ProbeNote {
    classes: Vec<String>,
    /// Over standardised features, `[classes, dim]`.
    weight: Vec<f64>,
    bias: Vec<f64>,
    /// Whether features are brought to unit length first.
    unit_rows: bool,
}

impl ProbeNote {
    fn new(classes: &[String], probe: &LogisticProbe) -> Self {
        Self {
            classes: classes.to_vec(),
            weight: probe.weight.clone(),
            bias: probe.bias.clone(),
            unit_rows: probe.unit_rows,
        }
    }
}
