//! One element of an array, on whichever node it was started.

use std::path::Path;

use crate::run::schedule::{end_of, run_job};
use crate::run::{Job, RunError};

/// The list of runs in the folder of a submission.
pub(super) const JOBS_FILE: &str = "runs.json";

/// Runs the job `index` of the list in `folder` with so many threads; at once done if its result is there already, as after a restart of the node.
///
/// # Errors
/// [`RunError::Failed`] with the end of the run's log, [`RunError::Io`] and [`RunError::Json`] for the list.
pub fn run_task(folder: &Path, index: usize, threads: usize) -> Result<(), RunError> {
    let path = folder.join(JOBS_FILE);
    let bytes = std::fs::read(&path).map_err(|source| RunError::Io {
        action: "read",
        path: path.clone(),
        source,
    })?;
    let jobs: Vec<Job> = serde_json::from_slice(&bytes).map_err(|source| RunError::Json {
        path: path.clone(),
        source,
    })?;
    let job = jobs.get(index).ok_or_else(|| RunError::Io {
        action: "find",
        source: std::io::Error::other(format!("run {index} of {} in the list", jobs.len())),
        path,
    })?;
    if job.result.is_file() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|source| RunError::Io {
        action: "find",
        path: "the running program".into(),
        source,
    })?;
    run_job(&program, job, threads).map_err(|log| RunError::Failed {
        failed: 1,
        all: 1,
        first: job.name.clone(),
        log,
    })
}

/// The jobs without a result as an error: how many, and the end of the first one's log.
///
/// # Errors
/// [`RunError::Failed`] when there is one.
pub fn unfinished(jobs: &[Job]) -> Result<(), RunError> {
    let missing: Vec<&Job> = jobs.iter().filter(|job| !job.result.is_file()).collect();
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let mut log = end_of(&first.log);
    if log.is_empty() {
        log = "nothing: it was not started, or killed before it wrote a line".into();
    }
    Err(RunError::Failed {
        failed: missing.len(),
        all: jobs.len(),
        first: first.name.clone(),
        log,
    })
}
