//! A list of runs handed to the scheduler: arrays, and the report behind them.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use eval::record::write_atomically;
use serde::{Deserialize, Serialize};

use super::client::{largest_array, queued, sbatch};
use super::task::JOBS_FILE;
use crate::run::{Job, RunError};

/// What the scheduler is to be told.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Arguments of `sbatch`, unchanged: partition, time, memory, processors per task.
    pub sbatch: Vec<String>,
    /// Runs of an array at a time; as many as the scheduler allows if absent.
    pub at_once: Option<usize>,
    /// Arguments of this program that run one of the runs; the folder of the submission and the number of the run are put behind them.
    pub task: Vec<String>,
    /// Arguments of this program that write the report when all runs have ended, well or not.
    pub report: Vec<String>,
}

/// What was handed to the scheduler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Numbers of the array jobs.
    pub arrays: Vec<String>,
    /// Number of the job that writes the report; absent while the arrays are being submitted.
    pub report: Option<String>,
}

impl Submission {
    /// Numbers of all jobs.
    pub fn jobs(&self) -> Vec<String> {
        self.arrays.iter().chain(&self.report).cloned().collect()
    }
}

/// Submits runs; `folder` lies where all nodes see it and holds what they need.
///
/// # Errors
/// [`RunError::StillQueued`] while jobs of an earlier submission of this folder wait or run, [`RunError::Busy`] while another process submits
/// it, [`RunError::Slurm`] when the scheduler refuses, [`RunError::Io`]. Arrays that were accepted before an error stay in the queue and
/// are known to the next submission.
pub fn submit(jobs: &[Job], order: &Order, folder: &Path) -> Result<Submission, RunError> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_path_buf();
        move |source| RunError::Io {
            action,
            path,
            source,
        }
    };
    std::fs::create_dir_all(folder).map_err(io("make", folder))?;
    let folder = folder.canonicalize().map_err(io("find", folder))?;
    // Given back when this process ends, however it ends.
    let lock_path = folder.join("lock");
    let lock = File::create(&lock_path).map_err(io("write", &lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(RunError::Busy { folder }),
        Err(TryLockError::Error(source)) => return Err(io("lock", &lock_path)(source)),
    }
    let record = folder.join("submission.json");
    if let Some(earlier) = read(&record)? {
        let still = queued(&earlier.jobs())?;
        if !still.is_empty() {
            return Err(RunError::StillQueued { jobs: still });
        }
    }
    let list = serde_json::to_vec_pretty(jobs).map_err(|source| RunError::Json {
        path: folder.join(JOBS_FILE),
        source,
    })?;
    write(&folder.join(JOBS_FILE), &list)?;
    let program = std::env::current_exe().map_err(io("find", Path::new("the running program")))?;

    let mut submission = Submission::default();
    let save = |submission: &Submission| {
        let text = serde_json::to_vec_pretty(submission).map_err(|source| RunError::Json {
            path: record.clone(),
            source,
        })?;
        write(&record, &text)
    };
    save(&submission)?;
    let largest = largest_array()?;
    for first in (0..jobs.len()).step_by(largest) {
        let count = largest.min(jobs.len() - first);
        let throttle = order
            .at_once
            .map_or(String::new(), |n| format!("%{}", n.max(1)));
        let mut arguments = vec![
            "--job-name=rs-peft".into(),
            format!("--array=0-{}{throttle}", count - 1),
            // A node that fails gives its runs back; each goes on from its checkpoint.
            "--requeue".into(),
            "--open-mode=append".into(),
            output(&folder, "slurm-%A_%a.log"),
        ];
        arguments.extend(order.sbatch.iter().cloned());
        let index = format!("\"$(({first} + SLURM_ARRAY_TASK_ID))\"");
        let task = command(&program, &order.task);
        let line = [task, quoted(&folder.to_string_lossy()), index].join(" ");
        submission.arrays.push(sbatch(&script(&line), &arguments)?);
        save(&submission)?;
    }
    let mut arguments = vec![
        "--job-name=rs-peft-report".into(),
        format!("--dependency=afterany:{}", submission.arrays.join(":")),
        "--kill-on-invalid-dep=yes".into(),
        output(&folder, "slurm-report-%j.log"),
    ];
    arguments.extend(order.sbatch.iter().cloned());
    let line = command(&program, &order.report);
    submission.report = Some(sbatch(&script(&line), &arguments)?);
    save(&submission)?;
    Ok(submission)
}

fn read(path: &Path) -> Result<Option<Submission>, RunError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| RunError::Json {
                path: path.into(),
                source,
            }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RunError::Io {
            action: "read",
            path: path.into(),
            source,
        }),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    Ok(write_atomically(path, bytes)?)
}

/// Where a job writes what it says; `%` in the folder's name would be taken for a pattern.
fn output(folder: &Path, file: &str) -> String {
    let folder = folder.to_string_lossy().replace('%', "%%");
    format!("--output={}", PathBuf::from(folder).join(file).display())
}

fn script(line: &str) -> String {
    format!("#!/bin/sh\nexec {line}\n")
}

fn command(program: &Path, arguments: &[String]) -> String {
    let mut words = vec![quoted(&program.to_string_lossy())];
    words.extend(arguments.iter().map(|argument| quoted(argument)));
    words.join(" ")
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_program_as_they_are() {
        for word in ["plain", "two words", "it's", "$HOME `x` \\ \"", ""] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(word))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn patterns_in_folders_are_not_patterns() {
        assert_eq!(
            output(Path::new("/a/50%j"), "x-%j.log"),
            "--output=/a/50%%j/x-%j.log"
        );
    }
}
