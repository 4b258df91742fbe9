//! AdamW and SGD over parameter groups: settings, update, state.

mod config;
mod state;
mod update;

pub use config::{AdamWConfig, OptimizerConfig, SgdConfig};
pub(crate) use update::Optimizer;
