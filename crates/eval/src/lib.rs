//! Numbers to claims: metrics, statistics over seeds, run records, and reports generated from them.
//!
//! - [`metric`]: confusion matrix and everything that follows from it, group F1, calibration.
//! - [`oriented`]: average precision of oriented boxes by DOTA's rules.
//! - [`stats`]: mean and spread over seeds, t and bootstrap intervals, paired differences.
//! - [`record`]: the run record (`run.json`), the only source of a reported number.
//! - [`plot`]: the figures, drawn by [`svg`].
//! - [`report`]: Markdown tables and one self-contained HTML page.
//!
//! Nothing here knows a tensor type, and nothing reads the clock, the environment or the network.

mod error;
pub mod metric;
pub mod oriented;
pub mod plot;
pub mod record;
pub mod report;
pub mod stats;
pub mod svg;

pub use error::EvalError;

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
