//! De-biased centres of a long-tailed training part, and how far they are from what held-out images say.

use std::collections::BTreeMap;

use clustering::constrained::{ConstrainedParams, MinSize};
use clustering::k_means::{KMeans, KMeansParams};
use clustering::rows::Matrix;
use deblora_calib::{
    ClassCentres, Classes, Clusters, Features, Noise, centre_distances, class_means, class_weights,
    debiased_centres,
};
use eval::metric::names;
use rs_datasets::stream;

use super::fit::Parts;
use crate::experiment::CalibratedRows;
use crate::run::RunError;

/// Starts of k-means; the best is kept.
const RESTARTS: usize = 4;

/// Where the rows of the tail were moved to.
pub(super) struct Centres {
    /// The de-biased centre of every class.
    pub(super) debiased: ClassCentres<f32>,
    /// The alpha of every class.
    pub(super) alphas: Vec<f64>,
}

/// The de-biased centre of every class: k-means over all rows as the recipe says, and the clusters' centres mixed.
pub(super) fn debiased(
    config: &CalibratedRows,
    features: &Features<'_, f32>,
    classes: &Classes<'_>,
    seed: u64,
) -> Result<ClassCentres<f32>, RunError> {
    let rows = Matrix::new(features.values(), features.dim())?;
    let mut rng = stream(&["k-means", &seed.to_string()]);
    let weights = match config.class_weighted {
        true => Some(class_weights(classes, 1.0)?),
        false => None,
    };
    let weights = weights.as_deref();
    let clusters: KMeans<f32> = match config.rho {
        Some(rho) => ConstrainedParams::new(config.clusters, MinSize::Balance { rho })
            .restarts(RESTARTS)
            .check()?
            .fit(&rows, weights, &mut rng)?,
        None => KMeansParams::new(config.clusters)
            .restarts(RESTARTS)
            .check()?
            .fit(&rows, weights, &mut rng)?,
    };
    let labels: Vec<Option<u32>> = clusters.labels().iter().map(|&label| Some(label)).collect();
    Ok(debiased_centres(
        features,
        classes,
        &Clusters::new(&labels, config.clusters)?,
        clusters.centres(),
        Noise::LeaveOut,
    )?)
}

/// Mean distances over the tail classes from three centres to the mean of the validation part, and the share of classes whose de-biased
/// centre is nearer to it than their training mean: the premise of the method, measured and never assumed.
pub(super) fn distances(
    centres: &Centres,
    parts: &Parts,
) -> Result<BTreeMap<String, Option<f64>>, RunError> {
    let means = |rows: &super::rows::Labelled| {
        let features = Features::new("the features", &rows.values, rows.dim)?;
        class_means(&features, &Classes::new(&rows.labels, parts.classes.len())?)
    };
    let found = centre_distances(
        &parts.tail,
        &means(&parts.train)?,
        &centres.debiased,
        &means(&parts.validation)?,
        &centres.alphas,
    )?;
    let count = found.len().max(1) as f64;
    let mean = |value: &dyn Fn(&deblora_calib::analysis::CentreDistance) -> f64| {
        Some(found.iter().map(value).sum::<f64>() / count)
    };
    Ok(BTreeMap::from([
        (names::DISTANCE_TRAIN.to_owned(), mean(&|d| d.train)),
        (names::DISTANCE_DEBIASED.to_owned(), mean(&|d| d.debiased)),
        (
            names::DISTANCE_CALIBRATED.to_owned(),
            mean(&|d| d.calibrated),
        ),
        (
            names::DEBIASED_NEARER.to_owned(),
            mean(&|d| f64::from(u8::from(d.debiased_is_nearer()))),
        ),
    ]))
}
