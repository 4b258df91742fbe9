//! HDBSCAN: density-based clusters of differing density, the rest is noise.

mod algorithm;
mod condensed;
mod errors;
mod params;
mod spanning_tree;

pub use algorithm::Hdbscan;
pub use errors::HdbscanError;
pub use params::{HdbscanParams, Selection, ValidHdbscan};
