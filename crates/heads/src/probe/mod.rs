//! Classifiers fitted on the host over frozen features: slices in, numbers out, no tensor type.
//!
//! Features are standardised with *training* statistics by default: one outlier channel of a masked-autoencoder
//! feature otherwise decides every distance and slows every optimiser.

mod knn;
mod lbfgs;
mod logistic;
mod products;
mod standardise;
mod table;

pub use knn::{KnnConfig, KnnMetric, KnnPrediction, KnnProbe};
pub use lbfgs::{LbfgsConfig, LbfgsReport, minimise};
pub use logistic::{Experts, LogisticConfig, LogisticProbe, ResidualBranches};
pub use standardise::Standardiser;
pub use table::FeatureTable;
