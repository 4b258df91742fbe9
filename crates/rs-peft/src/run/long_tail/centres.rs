//! De-biased centres of a long-tailed training part, and how far they are from what held-out images say.

use std::collections::BTreeMap;

use clustering::constrained::{ConstrainedParams, MinSize};
use clustering::dbscan::DbscanParams;
use clustering::k_means::{KMeans, KMeansParams};
use clustering::rows::Matrix;
use deblora_calib::{
    ClassCentres, Classes, Clusters, Features, Noise, centre_distances, class_means, class_weights,
    cluster_means, debiased_centres, nearest_for_noise,
};
use eval::metric::names;
use rs_datasets::stream;
use serde::{Deserialize, Serialize};

use super::fit::Parts;
use crate::experiment::{CalibratedRows, DbscanRows};
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

/// Clusters of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Clustering {
    /// The cluster of every row.
    labels: Vec<u32>,
    /// `[clusters, dim]`.
    centres: Vec<f32>,
    /// Rows that the clustering called noise before they went to the nearest cluster.
    noise: usize,
}

/// Clusters all rows as the recipe says.
pub(super) fn cluster(
    config: &CalibratedRows,
    features: &Features<'_, f32>,
    classes: &Classes<'_>,
    seed: u64,
) -> Result<Clustering, RunError> {
    let rows = Matrix::new(features.values(), features.dim())?;
    if let Some(DbscanRows { eps, min_samples }) = config.dbscan {
        let found = DbscanParams::new(eps)
            .min_samples(min_samples)
            .check()?
            .fit(&rows, None)?;
        let clusters = Clusters::new(found.labels(), found.clusters())?;
        let centres = cluster_means(features, &clusters)?;
        let labels = nearest_for_noise(features, &clusters, &centres)?;
        return Ok(Clustering {
            // Every row has a cluster now.
            labels: labels.into_iter().map(Option::unwrap_or_default).collect(),
            noise: found
                .labels()
                .iter()
                .filter(|label| label.is_none())
                .count(),
            centres,
        });
    }
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
    Ok(Clustering {
        labels: clusters.labels().to_vec(),
        centres: clusters.centres().to_vec(),
        noise: 0,
    })
}

/// The de-biased centre of every class: the centres of the clusters, mixed.
pub(super) fn debiased(
    clustering: &Clustering,
    features: &Features<'_, f32>,
    classes: &Classes<'_>,
) -> Result<ClassCentres<f32>, RunError> {
    let labels: Vec<Option<u32>> = clustering.labels.iter().map(|&label| Some(label)).collect();
    let count = clustering.centres.len() / features.dim().max(1);
    Ok(debiased_centres(
        features,
        classes,
        &Clusters::new(&labels, count)?,
        &clustering.centres,
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
