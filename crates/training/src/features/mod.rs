//! Features of a frozen backbone: run once, kept on the host, cached on disk.

mod cache;
mod extract;

pub use cache::{CacheKey, CacheOutcome, FeatureCache};
pub use extract::{FeatureMatrix, extract};
