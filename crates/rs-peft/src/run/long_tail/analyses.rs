//! The paper's measurements on the features that a probe sees: cosine distances (its table R5), and its definition of a biased space.

use std::collections::BTreeMap;

use deblora_calib::analysis::{cosine_distances, feature_bias};
use deblora_calib::{Classes, Features};
use eval::metric::names;

use super::fit::Parts;
use crate::run::RunError;

/// Shrinkage of the covariances towards a sphere.
const SHRINKAGE: f64 = 0.1;
/// Nearest training rows that are asked.
const NEIGHBOURS: usize = 10;

/// Mean cosine distance between the classes' centres and within the classes on the validation part; log-volume of the head's
/// training rows less that of the tail's, per axis; share of the tail's validation rows that lie in the head's region.
pub(super) fn measured(parts: &Parts) -> Result<BTreeMap<String, Option<f64>>, RunError> {
    let count = parts.classes.len();
    let dim = parts.train.dim;
    let train = Features::new("the training features", &parts.train.values, dim)?;
    let validation = Features::new("the validation features", &parts.validation.values, dim)?;
    let train_classes = Classes::new(&parts.train.labels, count)?;
    let classes = Classes::new(&parts.validation.labels, count)?;
    let cosines = cosine_distances(&validation, &classes)?;
    let bias = feature_bias(
        (&train, &train_classes),
        (&validation, &classes),
        &parts.head,
        &parts.tail,
        SHRINKAGE,
        NEIGHBOURS,
    )?;
    let volumes = bias.head.log_volume_per_axis - bias.tail.log_volume_per_axis;
    Ok(BTreeMap::from([
        (names::COSINE_BETWEEN.to_owned(), cosines.between),
        (
            names::COSINE_WITHIN.to_owned(),
            Some(cosines.within_classes),
        ),
        (names::VOLUME_HEAD_TAIL.to_owned(), Some(volumes)),
        (names::TAIL_IN_HEAD.to_owned(), Some(bias.tail_in_head)),
        (
            names::HEAD_NEIGHBOURS.to_owned(),
            Some(bias.head_neighbours),
        ),
    ]))
}
