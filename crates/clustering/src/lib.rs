//! Clustering of feature tables: k-means in three forms, density-based clustering, standardisation and PCA.
//!
//! - [`k_means`]: Lloyd's algorithm with k-means++, several starts and sample weights.
//! - [`mini_batch`]: the same objective by small random batches.
//! - [`constrained`]: the same objective with a least number of rows per cluster, every assignment step solved exactly.
//! - [`dbscan`], [`hdbscan`]: clusters by density, with noise.
//! - [`scaler`], [`pca`]: standardisation and principal components.
//! - [`silhouette`](fn@silhouette): how far apart clusters are.
//! - [`rows`]: tables in memory, or in files that do not fit into it.
//!
//! Everything works in f32 and f64; sums over rows are formed in f64. Random numbers come from the caller's generator, and no result
//! depends on the number of threads (those of rayon's current pool are used). Nothing here knows a tensor type.

pub mod constrained;
pub mod dbscan;
mod error;
pub mod hdbscan;
pub mod k_means;
pub mod mini_batch;
mod moments;
mod pass;
pub mod pca;
mod product;
mod random;
pub mod rows;
mod scalar;
pub mod scaler;
mod silhouette;
mod vectors;

pub use error::InputError;
pub use scalar::Scalar;
pub use silhouette::silhouette;

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
