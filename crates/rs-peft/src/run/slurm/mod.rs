//! Seeds as array jobs of a Slurm cluster: the same processes as on one machine, started by its scheduler.
//!
//! A submission is a folder below the output folder that all nodes share: the list of runs, one script for the arrays and one for the
//! report, and what the scheduler answered. Each element of an array runs one seed and leaves its result where a local run leaves it; so a
//! run that failed, was killed or timed out is submitted again by the same command, and finished ones are not.

mod client;
mod submission;
mod task;

pub use client::{queued, require};
pub use submission::{Order, Submission, submit};
pub use task::{run_task, unfinished};
