//! Measurements of the paper: are centres nearer to the truth, are classes apart, does the head take the tail's place.

mod bias;
mod cosine;
mod distance;
mod gaussian;

pub use bias::{BiasReport, GroupShape, feature_bias};
pub use cosine::{CosineReport, cosine_distances};
pub use distance::{CentreDistance, centre_distances};
