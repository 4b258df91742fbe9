//! Checkpoints: everything a killed run needs to end as if it had not been killed.
//!
//! A checkpoint is a directory `step-NNNNNNNNNN` with `model.safetensors`, `optimizer.safetensors`, `best.safetensors`
//! (if a validation ran) and `state.json`, which holds the hashes of the others. It is written under a temporary name and
//! renamed when complete, so a kill at any moment leaves the previous one intact; older ones are removed afterwards.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::curve::Curve;
use crate::fit::{Best, FitConfig};
use crate::hash::sha256_hex;
use crate::tensor_file;

/// Layout of the directory and of `state.json`; raise it with every change.
const FORMAT: u32 = 1;
const PREFIX: &str = "step-";
const TEMPORARY: &str = ".partial-";

/// Where and how often a run writes checkpoints.
///
/// A checkpoint is written after every epoch, and after every `every_steps` steps within one. If the directory already
/// holds one of this run, the run resumes from it; of another run, it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// Directory, made if absent; one per run.
    pub directory: PathBuf,
    /// Identity of the run: a hash of everything that decides its outcome and that [`FitConfig`] does not hold (data,
    /// split, base weights, initialisation). A checkpoint with another identity is refused.
    pub run_id: String,
    /// Steps between checkpoints within an epoch; `None`: after epochs only.
    pub every_steps: Option<usize>,
}

impl CheckpointPolicy {
    /// A checkpoint after every epoch.
    pub fn new(directory: impl Into<PathBuf>, run_id: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            run_id: run_id.into(),
            every_steps: None,
        }
    }

    /// Also within epochs.
    pub fn every_steps(mut self, steps: usize) -> Self {
        self.every_steps = Some(steps);
        self
    }

    /// Removes all checkpoints of the directory; other files stay.
    ///
    /// # Errors
    /// If the directory cannot be read or a checkpoint cannot be removed.
    pub fn clear(&self) -> Result<(), TrainError> {
        for (_, path) in list(&self.directory)? {
            std::fs::remove_dir_all(&path).map_err(TrainError::io("remove", &path))?;
        }
        remove_partial(&self.directory)
    }
}

/// Progress of a run that is not in the tensors.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunState {
    /// Optimiser steps taken.
    pub(crate) step: usize,
    /// Current epoch.
    pub(crate) epoch: usize,
    /// Next batch within the epoch.
    pub(crate) batch: usize,
    /// Weighted loss, weight and gradient norms of the current epoch so far.
    pub(crate) sums: EpochSums,
    pub(crate) curve: Curve,
    pub(crate) best: Option<Best>,
    /// Validations since the best one.
    pub(crate) stale: usize,
    pub(crate) stopped_early: bool,
    /// Updates each parameter has seen, by name.
    pub(crate) updates: BTreeMap<String, u64>,
}

/// Running sums of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpochSums {
    pub(crate) loss: f64,
    pub(crate) weight: f64,
    pub(crate) norm: f64,
    pub(crate) norms: usize,
}

/// A checkpoint in memory.
pub(crate) struct Checkpoint {
    pub(crate) state: RunState,
    pub(crate) model: HashMap<String, TensorData>,
    pub(crate) optimizer: HashMap<String, TensorData>,
    pub(crate) best: Option<HashMap<String, TensorData>>,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    format: u32,
    identity: String,
    files: BTreeMap<String, String>,
    state: RunState,
}

/// The identity under which checkpoints of a run are written: configuration and caller's identity.
pub(crate) fn identity(config: &FitConfig, run_id: &str) -> Result<String, TrainError> {
    let config = serde_json::to_string(config)
        .map_err(|e| TrainError::setting("config", e, "serialisable as JSON"))?;
    Ok(sha256_hex(
        format!("{FORMAT}\n{run_id}\n{config}").as_bytes(),
    ))
}

/// Complete checkpoints of a directory, oldest first. An absent directory holds none.
fn list(directory: &Path) -> Result<Vec<(usize, PathBuf)>, TrainError> {
    let mut found = Vec::new();
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(step) = name.strip_prefix(PREFIX).and_then(|s| s.parse().ok()) {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let reader = match std::fs::read_dir(directory) {
        Ok(reader) => reader,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(TrainError::io("list", directory)(e)),
    };
    reader
        .map(|entry| Ok(entry.map_err(TrainError::io("list", directory))?.path()))
        .collect()
}

/// Removes what a killed writer left.
fn remove_partial(directory: &Path) -> Result<(), TrainError> {
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(TEMPORARY) {
            std::fs::remove_dir_all(&path).map_err(TrainError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Tensors by name, as they go into a file.
pub(crate) type Tensors<'a> = &'a [(String, TensorData)];

/// Writes a checkpoint and removes the older ones.
pub(crate) fn save(
    directory: &Path,
    identity: &str,
    state: RunState,
    model: Tensors,
    optimizer: Tensors,
    best: Option<Tensors>,
) -> Result<(), TrainError> {
    std::fs::create_dir_all(directory).map_err(TrainError::io("create", directory))?;
    remove_partial(directory)?;
    let older = list(directory)?;
    let target = directory.join(format!("{PREFIX}{:010}", state.step));
    // Dropped on an early return, which removes the half-written directory.
    let temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempdir_in(directory)
        .map_err(TrainError::io("create a temporary directory in", directory))?;
    let mut files = BTreeMap::new();
    let parts = [
        ("model.safetensors", Some(model)),
        ("optimizer.safetensors", Some(optimizer)),
        ("best.safetensors", best),
    ];
    for (name, tensors) in parts {
        let Some(tensors) = tensors else { continue };
        let bytes = tensor_file::encode(tensors, None).map_err(|what| {
            TrainError::setting(format!("{name} of a checkpoint"), what, "storable")
        })?;
        tensor_file::write(&temporary.path().join(name), &bytes)?;
        files.insert(name.to_owned(), sha256_hex(&bytes));
    }
    let state = StateFile {
        format: FORMAT,
        identity: identity.to_owned(),
        files,
        state,
    };
    let json = serde_json::to_vec_pretty(&state)
        .map_err(|e| TrainError::setting("the run state", e, "serialisable as JSON"))?;
    tensor_file::write(&temporary.path().join("state.json"), &json)?;
    // Steps only grow within a run, so the target exists only if two runs share the directory; then this rename fails.
    std::fs::rename(temporary.path(), &target)
        .map_err(TrainError::io("rename a checkpoint to", &target))?;
    // Renamed: there is nothing left to remove.
    let _ = temporary.keep();
    for (_, path) in older {
        if path != target {
            std::fs::remove_dir_all(&path).map_err(TrainError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// The newest checkpoint of a directory, or `None` if there is none.
pub(crate) fn load(directory: &Path, identity: &str) -> Result<Option<Checkpoint>, TrainError> {
    let Some((_, path)) = list(directory)?.pop() else {
        return Ok(None);
    };
    let state_path = path.join("state.json");
    let corrupt = |path: &Path, what: String| TrainError::Corrupt {
        path: path.into(),
        what,
    };
    let json = tensor_file::read(&state_path)?;
    // Look at the format first: a newer one may have other fields.
    let value: serde_json::Value =
        serde_json::from_slice(&json).map_err(|e| corrupt(&state_path, e.to_string()))?;
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    if format != Some(u64::from(FORMAT)) {
        return Err(TrainError::Foreign {
            path: state_path,
            what: format!("its format is {format:?}, this program reads {FORMAT}"),
        });
    }
    let file: StateFile =
        serde_json::from_slice(&json).map_err(|e| corrupt(&state_path, e.to_string()))?;
    if file.identity != identity {
        return Err(TrainError::Foreign {
            path,
            what: format!(
                "its configuration hash is {}, this run's is {identity}",
                file.identity
            ),
        });
    }
    let read = |name: &str| -> Result<Option<HashMap<String, TensorData>>, TrainError> {
        let Some(hash) = file.files.get(name) else {
            return Ok(None);
        };
        let part = path.join(name);
        let bytes = tensor_file::read_verified(&part, hash)?;
        let tensors = tensor_file::decode(&bytes).map_err(|what| corrupt(&part, what))?;
        Ok(Some(tensors))
    };
    let required = |name: &str| {
        read(name)?.ok_or_else(|| corrupt(&state_path, format!("it does not list {name}")))
    };
    Ok(Some(Checkpoint {
        model: required("model.safetensors")?,
        optimizer: required("optimizer.safetensors")?,
        best: read("best.safetensors")?,
        state: file.state,
    }))
}
