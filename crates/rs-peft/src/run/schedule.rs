//! Seeds as processes of their own: each uses few threads well, peak memory is measured per run, and a crash costs one seed.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::RunError;

/// One seed of one row, to be run by a process of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Row and seed, for messages.
    pub name: String,
    /// Arguments of this program.
    pub arguments: Vec<String>,
    /// Where the process writes what it has to say.
    pub log: PathBuf,
    /// The file that is there once it has finished.
    pub result: PathBuf,
}

/// Runs jobs with `workers` processes at a time, each with `threads` threads. `finished` is called after every job with its
/// name and whether it succeeded. All jobs are tried; failures are reported together at the end.
///
/// # Errors
/// [`RunError::Failed`] with the log of the first failure, [`RunError::Io`] when no process can be started.
pub fn run_jobs(
    jobs: Vec<Job>,
    workers: usize,
    threads: usize,
    finished: &(dyn Fn(&str, bool) + Sync),
) -> Result<(), RunError> {
    let all = jobs.len();
    let program = std::env::current_exe().map_err(|source| RunError::Io {
        action: "find",
        path: "the running program".into(),
        source,
    })?;
    let queue = Mutex::new(VecDeque::from(jobs));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                loop {
                    // A worker that panicked holds no lock across user code, so a poisoned queue is still whole.
                    let job = queue.lock().unwrap_or_else(|e| e.into_inner()).pop_front();
                    let Some(job) = job else { break };
                    let result = run_job(&program, &job, threads);
                    finished(&job.name, result.is_ok());
                    if let Err(reason) = result {
                        failures
                            .lock()
                            .unwrap_or_else(|e| e.into_inner())
                            .push((job.name, reason));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(|e| e.into_inner());
    match failures.first() {
        None => Ok(()),
        Some((first, log)) => Err(RunError::Failed {
            failed: failures.len(),
            all,
            first: first.clone(),
            log: log.clone(),
        }),
    }
}

/// Settings of the allocator: freed memory stays with the process. A training step frees and takes the same hundreds of
/// megabytes again; giving them back between steps cost an eighth of the time of pretraining.
const KEEP_PAGES: [(&str, &str); 2] = [
    ("MIMALLOC_PURGE_DELAY", "-1"),
    ("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1"),
];

/// Runs one job and waits for it; the end of its log if it fails.
pub(super) fn run_job(program: &Path, job: &Job, threads: usize) -> Result<(), String> {
    if let Some(folder) = job.log.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    }
    let log =
        File::create(&job.log).map_err(|e| format!("cannot write {}: {e}", job.log.display()))?;
    let copy = log
        .try_clone()
        .map_err(|e| format!("cannot write {}: {e}", job.log.display()))?;
    let status = Command::new(program)
        .args(&job.arguments)
        .env("RAYON_NUM_THREADS", threads.max(1).to_string())
        .envs(KEEP_PAGES)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(copy)
        .status()
        .map_err(|e| format!("cannot start {}: {e}", program.display()))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{status}\n{}", end_of(&job.log)))
}

/// The last lines of a log; empty where there is none.
pub(super) fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let tail: Vec<&str> = text.lines().rev().take(12).collect();
    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
}
