//! The stages of a row on disk: what each has made, to look at and to go on from.
//!
//! | file in `seed-N.stages/` | made by |
//! |---|---|
//! | `1-task/`, `1-task.json` | a LoRA trained on the task, as a PEFT directory, and its curve |
//! | `2-clusters.json` | cluster of every training row, centres of the clusters |
//! | `3-calibration.json` | rows, alpha and de-biased centre per class |
//! | `4-map/` or `4-map.json` | the learned map: a PEFT directory, or its two matrices; its curve |
//! | `5-probe.json` | the probe |
//!
//! Rows that train nothing write none. A file of another identity, or one that cannot be read, is made anew.

use std::path::PathBuf;

use eval::record::write_atomically;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::run::RunError;

/// The folder of one seed's stages.
pub(super) struct Stages {
    pub(super) folder: PathBuf,
    identity: String,
    enabled: bool,
}

/// A stage as it stands in a file.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    /// Row, inputs and seed that it belongs to.
    identity: String,
    /// What it made.
    made: T,
}

impl Stages {
    /// Stages in `folder` under an identity; with `enabled` false nothing is written or read.
    pub(super) fn new(folder: PathBuf, identity: String, enabled: bool) -> Self {
        Self {
            folder,
            identity,
            enabled,
        }
    }

    /// What the stage `name` has made, if it is there.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        if !self.enabled {
            return None;
        }
        let bytes = std::fs::read(self.path(name)).ok()?;
        let stored: Stored<T> = serde_json::from_slice(&bytes).ok()?;
        (stored.identity == self.identity).then_some(stored.made)
    }

    /// Writes what the stage `name` has made.
    pub(super) fn put<T: Serialize>(&self, name: &str, made: &T) -> Result<(), RunError> {
        if !self.enabled {
            return Ok(());
        }
        let path = self.path(name);
        let stored = Stored {
            identity: self.identity.clone(),
            made,
        };
        let bytes = serde_json::to_vec(&stored).map_err(|source| RunError::Json {
            path: path.clone(),
            source,
        })?;
        Ok(write_atomically(&path, &bytes)?)
    }

    /// What the stage `name` has made before, or makes now.
    pub(super) fn make<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        if let Some(made) = self.get(name) {
            return Ok(made);
        }
        let made = make()?;
        self.put(name, &made)?;
        Ok(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_made_once_and_again_for_another_identity() {
        let folder = tempfile::tempdir().unwrap();
        let stages = |identity: &str| Stages::new(folder.path().join("s"), identity.into(), true);
        let make = |stages: &Stages, value: u32| stages.make("2-clusters", || Ok(value)).unwrap();
        assert_eq!(make(&stages("a"), 1), 1);
        assert_eq!(make(&stages("a"), 2), 1);
        assert_eq!(make(&stages("b"), 3), 3);
        std::fs::write(folder.path().join("s/2-clusters.json"), "{").unwrap();
        assert_eq!(make(&stages("b"), 4), 4);
        let off = Stages::new(folder.path().join("none"), "a".into(), false);
        assert_eq!(make(&off, 5), 5);
        assert!(!folder.path().join("none").exists());
    }
}
