//! The scheduler's own programs.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::run::RunError;

/// Elements that an array may have where the scheduler does not say; Slurm's own default.
const MAX_ARRAY: usize = 1001;

const INSTALL: &str = "run this on a machine where Slurm's programs work (`sinfo` lists its partitions), or leave --executor slurm out";

/// Refuses a machine without Slurm, before anything is planned.
///
/// # Errors
/// [`RunError::Slurm`].
pub fn require() -> Result<(), RunError> {
    let mut sinfo = Command::new("sinfo");
    text(sinfo.arg("--version"), INSTALL).map(drop)
}

/// Hands a script to `sbatch`; the number of the job.
pub(super) fn sbatch(script: &str, arguments: &[String]) -> Result<String, RunError> {
    let remedy = "see what sbatch says above; resources and partitions are given with --sbatch";
    let mut command = Command::new("sbatch");
    command.arg("--parsable").args(arguments);
    let failed = |detail: String| RunError::Slurm {
        command: "sbatch".into(),
        detail,
        remedy,
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // sbatch that has ended already says why below.
        let _ = input.write_all(script.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    let said = accepted("sbatch", output, remedy)?;
    // `ID`, or `ID;CLUSTER`.
    let id = said.trim().split(';').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(failed(format!(
            "answered `{}` instead of the number of a job",
            said.trim()
        )));
    }
    Ok(id.to_owned())
}

/// Which of these jobs are still waiting or running.
///
/// # Errors
/// [`RunError::Slurm`] when the scheduler does not answer.
pub fn queued(jobs: &[String]) -> Result<Vec<String>, RunError> {
    // %F is the number of the whole array. All jobs are listed: asking for one that is forgotten is an error.
    let mut squeue = Command::new("squeue");
    let said = text(squeue.args(["--noheader", "--format=%F"]), INSTALL)?;
    let mut found: Vec<String> = said.lines().map(|line| line.trim().to_owned()).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|job| jobs.contains(job));
    Ok(found)
}

/// Elements that one array may have.
pub(super) fn largest_array() -> Result<usize, RunError> {
    let mut scontrol = Command::new("scontrol");
    let said = text(scontrol.args(["show", "config"]), INSTALL)?;
    let value = said.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "MaxArraySize").then(|| value.trim().parse().ok())?
    });
    // The largest index is one below it.
    Ok(value.unwrap_or(MAX_ARRAY).max(2) - 1)
}

fn text(command: &mut Command, remedy: &'static str) -> Result<String, RunError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| RunError::Slurm {
        command: name.clone(),
        detail: error.to_string(),
        remedy,
    })?;
    accepted(&name, output, remedy)
}

fn accepted(name: &str, output: Output, remedy: &'static str) -> Result<String, RunError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(RunError::Slurm {
        command: name.into(),
        detail: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        remedy,
    })
}
