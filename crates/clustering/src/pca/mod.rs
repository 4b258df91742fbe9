//! Principal components.

mod algorithm;
mod eigen;
mod errors;
mod params;

pub use algorithm::Pca;
pub use errors::PcaError;
pub use params::{Components, PcaParams, ValidPca};
