//! k-means whose clusters all hold a minimum of rows.

mod algorithm;
mod assignment;
mod heap;
mod params;

pub use assignment::assign_at_least;
pub use params::{AssignmentCost, ConstrainedParams, MinSize, ValidConstrained};
