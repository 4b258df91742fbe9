//! Standardisation of features.

mod algorithm;

pub use algorithm::{StandardScaler, Standardised};
