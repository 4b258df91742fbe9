//! What is to be run and what is there already: a row's identity decides, never its name.

use std::path::{Path, PathBuf};

use eval::record::{InputHashes, content_id};
use peft_lora::seal::{self, Seal};
use rs_datasets::Dataset;
use sha2::{Digest, Sha256};

use super::{RunError, SeedOutput, backbone, data};
use crate::experiment::Row;
use crate::hex::hex;

/// A row with the hashes of its inputs and the folder of its results.
#[derive(Clone, Debug)]
pub struct PlannedRow {
    /// The row.
    pub row: Row,
    /// Hashes of what goes in.
    pub inputs: InputHashes,
    /// Identity of configuration and inputs.
    pub id: String,
    /// Folder of this identity's results.
    pub folder: PathBuf,
}

/// Hashes the inputs of a row and finds its folder below `out`.
///
/// # Errors
/// When the data or the weights cannot be read.
pub fn plan(
    row: &Row,
    root: &Path,
    data_folder: Option<&Path>,
    out: &Path,
) -> Result<PlannedRow, RunError> {
    let experiment = &row.experiment;
    let dataset = data::open(&row.name, &experiment.data, data_folder)?;
    let mut splits = Sha256::new();
    for &seed in &experiment.seeds {
        splits.update(
            data::split(
                &row.name,
                &experiment.data,
                dataset.as_ref(),
                seed,
                data_folder,
            )?
            .sha256(),
        );
    }
    let weights = vit_backbone::sha256_file(&backbone::path(&experiment.backbone, root))?;
    let inputs = InputHashes {
        data: Some(listing_hash(dataset.as_ref())),
        splits: Some(hex(&splits.finalize())),
        weights: Some(weights),
        code: Some(format!("rs-peft {}", env!("CARGO_PKG_VERSION"))),
    };
    let config = serde_json::to_value(experiment).map_err(|source| RunError::Json {
        path: row.path.clone(),
        source,
    })?;
    let id = content_id(&config, &inputs);
    let folder = out.join("runs").join(&row.name).join(&id[..12]);
    Ok(PlannedRow {
        row: row.clone(),
        inputs,
        id,
        folder,
    })
}

impl PlannedRow {
    /// The file of a seed's result.
    pub fn seed_file(&self, seed: u64) -> PathBuf {
        self.folder.join(format!("seed-{seed}.json"))
    }

    /// The log of a seed's process.
    pub fn log_file(&self, seed: u64) -> PathBuf {
        self.folder.join(format!("seed-{seed}.log"))
    }

    /// The result of a seed, if it has finished.
    ///
    /// # Errors
    /// [`RunError::Damaged`] or [`RunError::Json`] when the file is there but not readable.
    pub fn output(&self, seed: u64) -> Result<Option<SeedOutput>, RunError> {
        let path = self.seed_file(seed);
        match std::fs::read(&path) {
            Ok(bytes) => match seal::open_json(bytes) {
                (_, Seal::Broken) => Err(RunError::Damaged { path }),
                (bytes, _) => serde_json::from_slice(&bytes)
                    .map(Some)
                    .map_err(|source| RunError::Json { path, source }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunError::Io {
                action: "read",
                path,
                source,
            }),
        }
    }
}

/// A hash of which samples a data set holds: name, ids, classes. The pixels are the publisher's; reading all of them to hash
/// them would cost more than most rows.
fn listing_hash(dataset: &dyn Dataset) -> String {
    let mut hash = Sha256::new();
    hash.update(dataset.name());
    for index in 0..dataset.len() {
        hash.update([0]);
        hash.update(dataset.id(index));
        hash.update(dataset.class_of(index).unwrap_or(usize::MAX).to_le_bytes());
    }
    hex(&hash.finalize())
}
