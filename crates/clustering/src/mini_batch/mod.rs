//! k-means by small random batches.

mod algorithm;
mod params;

pub use algorithm::MiniBatchState;
pub use params::{MiniBatchParams, ValidMiniBatch};
