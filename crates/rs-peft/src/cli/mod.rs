//! One file or folder per command.

pub(crate) mod adapt;
pub(crate) mod calibrate;
pub(crate) mod cluster;
pub(crate) mod data;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod export;
mod feature_file;
mod feature_table;
pub(crate) mod get;
pub(crate) mod inspect;
pub(crate) mod merge;
pub(crate) mod methods;
pub(crate) mod models;
pub(crate) mod pack;
pub(crate) mod predict;
pub(crate) mod pretrain;
pub(crate) mod provenance;
pub(crate) mod reference;
mod report;
pub(crate) mod repro;
mod repro_slurm;
mod row_labels;
pub(crate) mod sample;
pub(crate) mod scene;
mod scores;
mod tensor_table;

use std::path::{Path, PathBuf};
use std::time::Instant;

/// The workspace root: as given, or the nearest folder upwards that has `experiments/defaults.toml`.
pub(crate) fn root(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(root) = given {
        return Ok(root.to_path_buf());
    }
    let here = std::env::current_dir()?;
    here.ancestors()
        .find(|folder| folder.join("experiments/defaults.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            anyhow::anyhow!(
                "no folder above {} has experiments/defaults.toml; give one with --root DIR",
                here.display()
            )
        })
}

/// A command line that cannot be, whatever the files hold: exit code 2.
pub(crate) fn usage(
    what: impl Into<String>,
    found: impl ToString,
    expected: impl Into<String>,
) -> anyhow::Error {
    let (what, found, expected) = (what.into(), found.to_string(), expected.into());
    rs_peft::adapt::AdaptError::Usage {
        what,
        found,
        expected,
    }
    .into()
}

/// A clock that starts now.
pub(crate) fn clock() -> impl Fn() -> std::time::Duration + Sync {
    let start = Instant::now();
    move || start.elapsed()
}
