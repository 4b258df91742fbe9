//! Principal components.

mod algorithm;
mod eigen;
mod errors;
mod params;
mod projected;

pub use algorithm::Pca;
pub use errors::PcaError;
pub use params::{Components, PcaParams, ValidPca};
pub use projected::Projected;
