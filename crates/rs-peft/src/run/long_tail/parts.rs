//! Where the parts of a seed come from: features of all images of a pool, tokens before the first adapted block, the second view of
//! the test images.

use std::collections::HashMap;
use std::sync::Arc;

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use heads::FeatureTable;
use rs_datasets::{Dataset, Split};
use training::FeatureMatrix;

use super::rows::Labelled;
use super::tokens::{Bank, tokens_of};
use crate::hex::hex;
use crate::run::backbone::Backbone;
use crate::run::batches::{features_of, mirrored_features};
use crate::run::model::Readout;
use crate::run::seed::{Samples, SeedRun};
use crate::run::{RunError, data};

/// One row's way through the stages of one seed.
pub(super) struct Way<'a, B: AutodiffBackend> {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) split: &'a Split,
    pub(super) base: &'a Backbone<B>,
    pub(super) samples: Samples,
    pub(super) readout: Readout,
    pub(super) device: &'a B::Device,
}

impl SeedRun<'_> {
    /// Features of all images that the row may draw from, from the cache or computed and stored there.
    pub(super) fn pool<B: AutodiffBackend>(&self, way: &Way<'_, B>) -> Result<Pool, RunError> {
        let dataset = way.dataset.as_ref();
        let indices = data::pool(self.row, &self.experiment.data, dataset, self.data)?;
        let ids: Vec<String> = indices.iter().map(|&i| dataset.id(i).to_owned()).collect();
        let labels = indices
            .iter()
            .map(|&index| dataset.class_of(index).unwrap_or_default())
            .collect();
        let frozen = way.base.vit.valid();
        let part = format!("{}/pool", self.listing(way, &ids));
        let features = self.cached_features(&part, &way.base.sha256, &way.readout, || {
            features_of(
                &way.samples,
                &indices,
                &way.readout,
                &frozen,
                &(),
                way.device,
            )
        })?;
        Ok(Pool {
            places: ids.into_iter().zip(0..).collect(),
            labels,
            features,
        })
    }

    /// What tells the features of these images apart from others.
    fn listing<B: AutodiffBackend>(&self, way: &Way<'_, B>, ids: &[String]) -> String {
        // Statistics of the training part, where the input uses them, differ from seed to seed.
        if self.experiment.input.is_standardised_by_weights() {
            sha256_of(ids)
        } else {
            way.split.sha256()
        }
    }

    /// Tokens of the parts before block `first`. Those of the hold-out serve all seeds.
    pub(super) fn bank<'a, B: AutodiffBackend>(
        &self,
        way: &'a Way<'_, B>,
        first: usize,
    ) -> Result<Bank<'a>, RunError> {
        let ids = |part| Ok::<_, RunError>(way.split.part(part)?.to_vec());
        let (train, validation, test) = (ids("train")?, ids("validation")?, ids("test")?);
        let mut held: Vec<String> = validation.iter().chain(&test).cloned().collect();
        held.sort();
        let frozen = way.base.vit.valid();
        let tokens = |ids: &[String]| {
            let part = format!("{}/tokens before {first}", self.listing(way, ids));
            self.cached_features(&part, &way.base.sha256, &way.readout, || {
                let indices = places(way.dataset.as_ref(), ids)?;
                tokens_of(&way.samples, &indices, &frozen, first, way.device)
            })
        };
        let all = tokens(&held)?;
        let at: HashMap<&String, usize> = held.iter().zip(0..).collect();
        // Every id of the parts is among those held.
        let select = |ids: &[String]| {
            let rows: Vec<usize> = ids.iter().filter_map(|id| at.get(id).copied()).collect();
            all.select(&rows)
        };
        let size = self.experiment.input.size;
        Ok(Bank {
            validation: select(&validation),
            test: select(&test),
            train: tokens(&train)?,
            first,
            dim: way.base.config.dim,
            readout: &way.readout,
            image: [way.base.config.in_channels, size, size],
        })
    }

    /// Features of the test images mirrored left to right: SADE's second view.
    pub(super) fn flipped<B: AutodiffBackend>(
        &self,
        way: &Way<'_, B>,
        base: &Backbone<B>,
        tuned: bool,
    ) -> Result<FeatureMatrix, RunError> {
        let ids = way.split.part("test")?.to_vec();
        let vit = base.vit.valid();
        let compute = || {
            let indices = places(way.dataset.as_ref(), &ids)?;
            mirrored_features(&way.samples, &indices, &way.readout, &vit, way.device)
        };
        if tuned {
            return compute();
        }
        let part = format!("{}/mirrored", self.listing(way, &ids));
        self.cached_features(&part, &base.sha256, &way.readout, compute)
    }
}

/// Indices of samples by id.
fn places(dataset: &dyn Dataset, ids: &[String]) -> Result<Vec<usize>, RunError> {
    let all: HashMap<&str, usize> = (0..dataset.len())
        .map(|index| (dataset.id(index), index))
        .collect();
    ids.iter()
        .map(|id| {
            let found = all.get(id.as_str()).copied();
            found.ok_or_else(|| {
                RunError::Data(rs_datasets::DataError::UnknownId {
                    dataset: dataset.name().into(),
                    id: id.clone(),
                })
            })
        })
        .collect()
}

/// Features of all images that a row may draw from.
pub(super) struct Pool {
    places: HashMap<String, usize>,
    labels: Vec<usize>,
    features: FeatureMatrix,
}

impl Pool {
    /// The rows of a part, in the order of its ids.
    pub(super) fn part(&self, split: &Split, name: &str) -> Result<Labelled, RunError> {
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
