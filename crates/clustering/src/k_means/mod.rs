//! k-means by Lloyd's algorithm.

pub(crate) mod algorithm;
mod errors;
pub(crate) mod init;
pub(crate) mod nearest;
pub(crate) mod params;
pub(crate) mod step;

pub use algorithm::KMeans;
pub use errors::KMeansError;
pub use init::Start;
pub use params::{KMeansParams, ValidKMeans};
