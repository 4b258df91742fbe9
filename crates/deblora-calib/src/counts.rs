//! How many rows of every class lie in every cluster, and the weights of the clusters for a class.

use clustering::Scalar;

use crate::error::CalibError;
use crate::means::squared_distance;
use crate::table::{Classes, Clusters, Features};

/// Class-by-cluster counts `n_kc`, with the noise rows of every class apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterCounts {
    counts: Vec<usize>,
    noise: Vec<usize>,
    clusters: usize,
}

impl ClusterCounts {
    /// Counts.
    ///
    /// # Errors
    /// When the two lists differ in length.
    pub fn new(classes: &Classes<'_>, clusters: &Clusters<'_>) -> Result<Self, CalibError> {
        clusters.fit(classes.labels().len())?;
        let mut result = Self {
            counts: vec![0; classes.count() * clusters.count()],
            noise: vec![0; classes.count()],
            clusters: clusters.count(),
        };
        for (&class, &cluster) in classes.labels().iter().zip(clusters.labels()) {
            match cluster {
                Some(k) => result.counts[class * clusters.count() + k as usize] += 1,
                None => result.noise[class] += 1,
            }
        }
        Ok(result)
    }

    /// Rows of `class` in every cluster, `[clusters]`.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn of(&self, class: usize) -> &[usize] {
        &self.counts[class * self.clusters..(class + 1) * self.clusters]
    }

    /// Rows of `class` that are noise.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn noise(&self, class: usize) -> usize {
        self.noise[class]
    }

    /// `w_k = n_kc / n_c` for the clusters of a class, `[clusters]`, sum 1 (debLoRA, the weights of its de-biased centre); `n_c` counts the
    /// rows that are not noise. `None` where there is no such row.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn weights(&self, class: usize) -> Option<Vec<f64>> {
        let counts = self.of(class);
        let total: usize = counts.iter().sum();
        (total > 0).then(|| counts.iter().map(|&n| n as f64 / total as f64).collect())
    }
}

/// Gives every noise row to the cluster with the nearest centre (`centres` is `[clusters, dim]`), the first of equally near ones.
///
/// # Errors
/// When lengths or dimensions do not fit, or there is no cluster.
pub fn nearest_for_noise<T: Scalar>(
    features: &Features<'_, T>,
    clusters: &Clusters<'_>,
    centres: &[T],
) -> Result<Vec<Option<u32>>, CalibError> {
    clusters.fit(features.rows())?;
    let centres = Features::new("the table of centres", centres, features.dim())?;
    if centres.rows() != clusters.count() {
        return Err(CalibError::Length {
            what: "the table of centres",
            expected: format!("{} centres of {}", clusters.count(), features.dim()),
            found: centres.values().len(),
        });
    }
    let nearest = |row: usize| {
        let (mut best, mut least) = (0, f64::INFINITY);
        for k in 0..centres.rows() {
            let d = squared_distance(features.row(row), centres.row(k));
            if d < least {
                (best, least) = (k as u32, d);
            }
        }
        best
    };
    Ok(clusters
        .labels()
        .iter()
        .enumerate()
        .map(|(row, label)| Some(label.unwrap_or_else(|| nearest(row))))
        .collect())
}

/// `w_i` in proportion to `n_c^-power` for a row of class `c`, with mean 1: sample weights for a clustering that hears rare classes. 1
/// gives every class the same total, 0 every row.
///
/// # Errors
/// When `power` is not finite or below 0.
pub fn class_weights(classes: &Classes<'_>, power: f64) -> Result<Vec<f64>, CalibError> {
    if !(power.is_finite() && power >= 0.0) {
        return Err(CalibError::Value {
            name: "power",
            expected: "a finite number, at least 0",
            found: power.to_string(),
        });
    }
    let sizes = classes.sizes();
    // Relative to the largest class, so that no power overflows.
    let largest = sizes.iter().copied().max().unwrap_or(1) as f64;
    let raw: Vec<f64> = classes
        .labels()
        .iter()
        .map(|&c| (largest / sizes[c] as f64).powf(power).min(f64::MAX.sqrt()))
        .collect();
    let mean = raw.iter().sum::<f64>() / raw.len() as f64;
    Ok(raw.into_iter().map(|w| w / mean).collect())
}
