//! The end of every seed: its time, its counts, its memory.

use std::path::Path;
use std::time::Duration;

use eval::record::{Parameters, SeedResult};
use peft_lora::BaseIdentity;

use super::seed::{SeedOutput, SeedRun};

/// What a row counts.
pub(super) struct Counts {
    /// Parameters trained outside the head.
    pub(super) adapted: usize,
    /// Parameters of the head; absent where nothing is trained that could be counted.
    pub(super) head: Option<usize>,
    /// Parameters of the backbone.
    pub(super) backbone: usize,
}

impl SeedRun<'_> {
    /// The backbone that an adapter was trained on, for the adapter's file. Of an absolute path only the file's name: the folders
    /// are those of one machine.
    pub(super) fn base_identity(&self, sha256: &str) -> BaseIdentity {
        let weights = Path::new(&self.experiment.backbone.weights);
        let name = match weights.file_name() {
            Some(name) if weights.is_absolute() => name.to_string_lossy().into_owned(),
            _ => self.experiment.backbone.weights.clone(),
        };
        BaseIdentity {
            sha256: Some(sha256.into()),
            name: Some(name),
        }
    }

    /// The output of a seed that began at `started`. `weights` is the SHA-256 of the backbone's.
    pub(super) fn finished(
        &self,
        mut result: SeedResult,
        counts: &Counts,
        weights: String,
        forward_flops: Option<u64>,
        started: Duration,
    ) -> SeedOutput {
        result.seconds = Some(((self.clock)() - started).as_secs_f64());
        let &Counts {
            adapted,
            head,
            backbone,
        } = counts;
        SeedOutput {
            result,
            parameters: Parameters {
                trainable: head.map(|head| (adapted + head) as u64),
                head: head.map(|head| head as u64),
                backbone: Some(backbone as u64),
                total: head.map(|head| (backbone + adapted + head) as u64),
            },
            peak_memory_bytes: training::peak_rss_bytes(),
            weights,
            forward_flops,
            provenance: None,
        }
    }
}
