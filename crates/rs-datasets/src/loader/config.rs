//! The loader and its settings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::iter::Batches;
use super::order::Order;
use super::work::{Item, Plan};
use crate::{DataError, Dataset, Pipeline};

/// Settings of a [`Loader`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderConfig {
    /// Samples per batch, at least 1.
    pub batch_size: usize,
    /// Seed of the order and of the random steps.
    pub seed: u64,
    /// Order of an epoch.
    pub order: Order,
    /// Leave out the last batch of an epoch when it is not full.
    pub drop_last: bool,
    /// Loading threads; 0 for one per available core. Each works on a batch of its own, so no more than `prefetch` are started.
    /// The number changes nothing but the speed.
    pub threads: usize,
    /// Most batches in memory at a time besides the one being used, at least 1.
    pub prefetch: usize,
}

impl LoaderConfig {
    /// Batches of the given size in the given order, one thread per core, four batches ahead, the last one kept.
    pub fn new(batch_size: usize, order: Order, seed: u64) -> Self {
        Self {
            batch_size,
            seed,
            order,
            drop_last: false,
            threads: 0,
            prefetch: 4,
        }
    }
}

/// Loads samples of a data set, transforms them and joins them into batches, on several threads.
///
/// The same settings give the same batches whatever the number of threads: the order comes from (seed, epoch), the random steps of
/// a sample from (seed, epoch, id and how often it came up before).
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<dyn Dataset>,
    indices: Vec<usize>,
    pipeline: Arc<Pipeline>,
    config: LoaderConfig,
    cumulative: Option<Vec<f64>>,
}

impl Loader {
    /// A loader of the samples `indices` (e.g. from [`crate::Split::indices`]).
    ///
    /// # Errors
    /// [`DataError::Setting`] for a batch size or prefetch of 0, no sample, a last batch that is dropped though it is the only
    /// one, or weights that do not fit; [`DataError::IndexOutOfRange`]; as [`Pipeline::output_bands`].
    pub fn new(
        dataset: Arc<dyn Dataset>,
        indices: Vec<usize>,
        pipeline: Pipeline,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        let bad = |detail: &str| {
            Err(DataError::Setting {
                what: "loader".into(),
                detail: detail.into(),
            })
        };
        if config.batch_size == 0 || config.prefetch == 0 {
            return bad("batch_size and prefetch must be at least 1");
        }
        if indices.is_empty() {
            return bad("there is no sample to load; check the split");
        }
        if config.drop_last && indices.len() < config.batch_size {
            return bad("drop_last leaves no batch: there are fewer samples than batch_size");
        }
        if let Some(&index) = indices.iter().find(|&&index| index >= dataset.len()) {
            return Err(DataError::IndexOutOfRange {
                index,
                len: dataset.len(),
            });
        }
        pipeline.output_bands(dataset.bands())?;
        let cumulative = config.order.cumulative(&*dataset, &indices)?;
        Ok(Self {
            dataset,
            indices,
            pipeline: Arc::new(pipeline),
            config,
            cumulative,
        })
    }

    /// Samples per epoch, before a last batch is dropped.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no sample; never true for a loader that was built.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Batches per epoch.
    pub fn batches_per_epoch(&self) -> usize {
        let (n, size) = (self.indices.len(), self.config.batch_size);
        if self.config.drop_last {
            n / size
        } else {
            n.div_ceil(size)
        }
    }

    /// The settings.
    pub fn config(&self) -> &LoaderConfig {
        &self.config
    }

    /// Data set indices in the order of an epoch; nothing is loaded.
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let positions = self.config.order.positions(
            self.indices.len(),
            self.cumulative.as_deref(),
            self.config.seed,
            epoch,
        );
        positions
            .into_iter()
            .map(|position| self.indices[position])
            .collect()
    }

    /// The batches of an epoch. Loading starts at once; dropping the iterator stops it.
    pub fn epoch(&self, epoch: u64) -> Batches {
        let mut occurrences = vec![
            0u64;
            if self.config.order.with_replacement() {
                self.dataset.len()
            } else {
                0
            }
        ];
        let items: Vec<Item> = self
            .order(epoch)
            .into_iter()
            .map(|index| {
                let mut occurrence = 0;
                if let Some(seen) = occurrences.get_mut(index) {
                    occurrence = *seen;
                    *seen += 1;
                }
                Item { index, occurrence }
            })
            .collect();
        let plan = Plan {
            dataset: self.dataset.clone(),
            pipeline: self.pipeline.clone(),
            seed: self.config.seed,
            epoch,
            batches: items
                .chunks(self.config.batch_size)
                .take(self.batches_per_epoch())
                .map(<[Item]>::to_vec)
                .collect(),
        };
        let threads = match self.config.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        Batches::start(plan, threads, self.config.prefetch)
    }
}
