//! Running experiments: one process per seed, records per row, one report over all.

mod adapter;
mod backbone;
mod batches;
mod data;
mod detection;
mod error;
mod examples;
mod finish;
mod held;
mod json_file;
mod keep;
mod last_image;
mod long_tail;
mod map_readout;
mod model;
mod panels;
mod pictures;
mod plan;
mod predictions;
mod prefix;
mod recipe;
mod record;
mod schedule;
mod seed;
mod segmentation;
mod spectral;
mod train;
mod view;

pub use adapter::Adapter;
pub use backbone::{INPUT_METADATA, SHIPPED};
pub(crate) use batches::LoaderSource;
pub use error::RunError;
pub use examples::examples;
pub use model::{InputAdapter, Readout, Trainable};
pub use pictures::pictures;
pub use plan::{PlannedRow, plan};
pub use predictions::Predictions;
pub use record::{Provenance, collect};
pub use schedule::{Job, run_jobs};
pub use seed::{SeedOutput, SeedRun};
pub use view::View;

pub(crate) use data::without as without_reserved;
