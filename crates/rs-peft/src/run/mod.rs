//! Running experiments: one process per seed, records per row, one report over all.

mod adapter;
pub(crate) mod backbone;
mod batches;
pub(crate) mod data;
mod detection;
mod error;
mod examples;
mod finish;
mod held;
pub(crate) mod json_file;
pub(crate) mod keep;
mod last_image;
mod long_tail;
pub(crate) mod map_readout;
mod model;
mod model_input;
mod panels;
mod pictures;
mod plan;
mod predictions;
mod recipe;
mod record;
mod schedule;
mod seed;
pub(crate) mod segmentation;
mod session;
pub(crate) mod spectral;
mod train;
mod view;

pub use adapter::Adapter;
pub use backbone::{INPUT_METADATA, SHIPPED};
pub(crate) use batches::LoaderSource;
pub use error::RunError;
pub use examples::examples;
pub use model::{InputAdapter, Readout, Trainable};
pub use model_input::{InputSteps, ModelInput};
pub use pictures::pictures;
pub use plan::{PlannedRow, plan};
pub use predictions::Predictions;
pub use record::{Provenance, collect};
pub use schedule::{Job, run_jobs};
pub use seed::{SeedOutput, SeedRun};
pub use session::Session;
pub use view::View;

pub(crate) use data::without as without_reserved;
