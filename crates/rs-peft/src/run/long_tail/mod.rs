//! Long-tailed rows: frozen features of all images once, then any number of cheap recipes on them.
//!
//! Every seed and every row of a table draws its parts from the same images, so the features of the whole pool are computed once and
//! kept in the cache of features.

mod centres;
mod fit;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;
use eval::metric::{ClassGroups, Probabilities, evaluate};
use eval::record::{Parameters, SeedResult};
use heads::{FeatureTable, Standardiser};
use rs_datasets::{Dataset, Split};
use training::FeatureMatrix;

use super::backbone::Backbone;
use super::batches::features_of;
use super::predictions::Predictions;
use super::seed::{Samples, SeedOutput, SeedRun};
use super::view::View;
use super::{RunError, data};
use crate::experiment::{LongTailProbe, LongTailSplit};
use crate::hex::hex;
use fit::{Parts, fit};
use rows::Labelled;

impl SeedRun<'_> {
    /// Runs one seed of a long-tailed row. `started` is the clock at its start.
    pub(super) fn long_tailed<B: AutodiffBackend>(
        &self,
        (division, recipe): (&LongTailSplit, &LongTailProbe),
        dataset: Arc<dyn Dataset>,
        split: &Split,
        base: &Backbone<B>,
        device: &B::Device,
        started: Duration,
    ) -> Result<SeedOutput, RunError> {
        let classes = dataset.classes().to_vec();
        let pool = self.pool(dataset, split, base, device)?;
        let mut train = pool.part(split, "train")?;
        let mut validation = pool.part(split, "validation")?;
        let mut test = pool.part(split, "test")?;
        let counts: Vec<u64> = train
            .counts(classes.len())
            .into_iter()
            .map(|n| n as u64)
            .collect();
        let groups = ClassGroups::by_training_rank(&counts, division.head, division.tail)?;
        let tail = groups.groups().iter().find(|group| group.name == "tail");
        let tail = tail.map_or(Vec::new(), |group| group.classes.clone());

        let statistics = Standardiser::fit(&train.table()?);
        for part in [&mut train, &mut validation, &mut test] {
            part.values = statistics.apply(&part.table()?)?;
        }
        let parts = Parts {
            train,
            validation,
            classes,
            tail,
        };
        let fitted = fit(recipe, &parts, self.seed)?;
        let probe = &fitted.probe;
        let queries = test.table()?;
        let predicted = probe.predict(&queries)?;
        let values: Vec<f32> = probe
            .probabilities(&queries)?
            .iter()
            .map(|&p| p as f32)
            .collect();
        let probabilities = Probabilities::from_probabilities(&values, probe.classes())?;

        let classes = &parts.classes;
        let evaluation = evaluate(
            classes,
            &test.labels,
            &predicted,
            Some(&probabilities),
            Some(&groups),
        )?;
        let mut result = SeedResult::from_evaluation(self.seed, Some(split.sha256()), evaluation);
        result.metrics.extend(fitted.extra);
        result.n_train = Some(fitted.rows as u64);
        let file = format!("seed-{}.predictions.json", self.seed);
        let ids = split.part("test")?.to_vec();
        Predictions::new(ids, classes, test.labels, predicted, Some(&probabilities))
            .write(&self.folder.join(&file))?;
        result.predictions = Some(file);
        result.seconds = Some(((self.clock)() - started).as_secs_f64());
        let head = (probe.weight.len() + probe.bias.len()) as u64;
        let backbone = base.vit.num_params() as u64;
        Ok(SeedOutput {
            result,
            parameters: Parameters {
                trainable: Some(head),
                head: Some(head),
                backbone: Some(backbone),
                total: Some(backbone + head),
            },
            peak_memory_bytes: training::peak_rss_bytes(),
            weights: base.sha256.clone(),
            forward_flops: None,
            provenance: None,
        })
    }

    /// Features of all images that the row may draw from, from the cache or computed and stored there.
    fn pool<B: AutodiffBackend>(
        &self,
        dataset: Arc<dyn Dataset>,
        split: &Split,
        base: &Backbone<B>,
        device: &B::Device,
    ) -> Result<Pool, RunError> {
        let indices = data::pool(self.row, &self.experiment.data, dataset.as_ref(), self.data)?;
        let ids: Vec<String> = indices.iter().map(|&i| dataset.id(i).to_owned()).collect();
        let labels = indices
            .iter()
            .map(|&index| dataset.class_of(index).unwrap_or_default())
            .collect();
        let view = View::new(dataset, &self.experiment.input, split, &base.input)?;
        let samples = Samples {
            all: Arc::new(view),
            train: 0,
        };
        let readout = self.readout(&samples, base, device)?;
        let frozen = base.vit.valid();
        // Statistics of the training part, where the input uses them, differ from seed to seed.
        let listing = if self.experiment.input.is_standardised_by_weights() {
            sha256_of(&ids)
        } else {
            split.sha256()
        };
        let features =
            self.cached_features(&format!("{listing}/pool"), &base.sha256, &readout, || {
                features_of(&samples, &indices, &readout, &frozen, &(), device)
            })?;
        Ok(Pool {
            places: ids.into_iter().zip(0..).collect(),
            labels,
            features,
        })
    }
}

/// Features of all images that a row may draw from.
struct Pool {
    places: HashMap<String, usize>,
    labels: Vec<usize>,
    features: FeatureMatrix,
}

impl Pool {
    /// The rows of a part, in the order of its ids.
    fn part(&self, split: &Split, name: &str) -> Result<Labelled, RunError> {
        let ids = split.part(name)?;
        let mut part = Labelled {
            values: Vec::with_capacity(ids.len() * self.features.dim),
            labels: Vec::with_capacity(ids.len()),
            dim: self.features.dim,
        };
        for id in ids {
            // A part is drawn from the same table of labels as the pool.
            let Some(&place) = self.places.get(id) else {
                return Err(RunError::Data(rs_datasets::DataError::UnknownId {
                    dataset: split.name().into(),
                    id: id.clone(),
                }));
            };
            part.values.extend_from_slice(self.features.row(place));
            part.labels.push(self.labels[place]);
        }
        FeatureTable::new(&part.values, part.dim)?;
        Ok(part)
    }
}

fn sha256_of(ids: &[String]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for id in ids {
        hash.update(id.as_bytes());
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}
