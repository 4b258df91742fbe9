//! What a loading thread does: one batch from list of samples to tensor-shaped values.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::{Batch, DataError, Dataset, Pipeline, random};

/// One sample to load.
#[derive(Clone, Copy)]
pub(super) struct Item {
    /// Index in the data set.
    pub(super) index: usize,
    /// How often it came up before in this epoch.
    pub(super) occurrence: u64,
}

/// All batches of an epoch.
pub(super) struct Plan {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) seed: u64,
    pub(super) epoch: u64,
    pub(super) batches: Vec<Vec<Item>>,
}

impl Plan {
    /// Loads one batch. A panic of a data set becomes an error, so that the reader is not left waiting.
    pub(super) fn load(&self, number: usize) -> Result<Batch, DataError> {
        // Nothing of the plan is changed by loading, so nothing can be left half-changed.
        catch_unwind(AssertUnwindSafe(|| {
            let samples = self.batches[number]
                .iter()
                .map(|item| {
                    let id = self.dataset.id(item.index);
                    let mut rng = random::sample_stream(self.seed, self.epoch, id, item.occurrence);
                    let mut run = || {
                        self.pipeline
                            .apply(self.dataset.load(item.index)?, &mut rng)
                    };
                    run().map_err(|source| DataError::InSample {
                        id: id.into(),
                        source: Box::new(source),
                    })
                })
                .collect::<Result<_, _>>()?;
            Batch::new(samples)
        }))
        .unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(DataError::Worker {
                detail: text.unwrap_or_else(|| "no message".into()),
            })
        })
    }
}
