//! One file per kind of work; the cases by name.

mod checkpoint;
mod density;
mod images;
mod k_means;
mod numbers;
mod pretraining;
mod step;
mod transformer;

use crate::case::Case;

/// Every case, in the order of the table.
pub(crate) const ALL: [Case; 13] = [
    transformer::INFERENCE,
    step::LORA,
    transformer::FEATURES,
    pretraining::MAE,
    k_means::LLOYD,
    k_means::CONSTRAINED,
    k_means::MINI_BATCH,
    density::DBSCAN,
    density::HDBSCAN,
    images::GEOTIFF,
    images::JPEG,
    checkpoint::LOADING,
    checkpoint::START_UP,
];
