//! One file per kind of work; the cases by name.

mod adaptation;
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
pub(crate) const ALL: [Case; 16] = [
    transformer::INFERENCE,
    step::LORA,
    step::DEFLECT,
    adaptation::ADAPTATION,
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
    checkpoint::UNHASHED,
    checkpoint::START_UP,
];
