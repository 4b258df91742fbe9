//! Features of a frozen backbone: run once, kept on the host, cached on disk.

mod cache;
mod extract;
mod row_file;

pub use cache::{CacheKey, CacheOutcome, FeatureCache};
pub use extract::{FeatureMatrix, extract};
pub use row_file::{Precision, RowFile, RowWriter};
