//! DBSCAN: clusters as connected regions of many neighbours, the rest is noise.

mod algorithm;
mod components;
mod errors;
mod params;

pub use algorithm::Dbscan;
pub use errors::DbscanError;
pub use params::{DbscanParams, ValidDbscan};
