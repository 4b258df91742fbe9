//! Means of classes and of clusters.

use clustering::Scalar;

use crate::error::CalibError;
use crate::table::{Classes, Clusters, Features};

/// One vector per class; absent for a class without rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassCentres<T> {
    centres: Vec<Option<Vec<T>>>,
}

impl<T: Scalar> ClassCentres<T> {
    pub(crate) fn new(centres: Vec<Option<Vec<T>>>) -> Self {
        Self { centres }
    }

    /// The vector of a class, `[dim]`.
    pub fn of(&self, class: usize) -> Option<&[T]> {
        self.centres.get(class)?.as_deref()
    }

    /// Number of classes, absent ones among them.
    pub fn classes(&self) -> usize {
        self.centres.len()
    }
}

/// The mean of every class.
///
/// # Errors
/// When there is not one class per row.
pub fn class_means<T: Scalar>(
    features: &Features<'_, T>,
    classes: &Classes<'_>,
) -> Result<ClassCentres<T>, CalibError> {
    classes.fit(features)?;
    let labels = classes.labels().iter().map(|&l| Some(l));
    Ok(ClassCentres::new(means(features, labels, classes.count())))
}

/// The mean of every cluster, `[clusters, dim]` row-major: centres for methods that have none of their own (DBSCAN, HDBSCAN). Noise is
/// left out.
///
/// # Errors
/// When there is not one label per row, or a cluster has no rows.
pub fn cluster_means<T: Scalar>(
    features: &Features<'_, T>,
    clusters: &Clusters<'_>,
) -> Result<Vec<T>, CalibError> {
    clusters.fit(features.rows())?;
    let labels = clusters.labels().iter().map(|l| l.map(|l| l as usize));
    let mut values = Vec::with_capacity(clusters.count() * features.dim());
    for (cluster, mean) in means(features, labels, clusters.count())
        .into_iter()
        .enumerate()
    {
        values.extend(mean.ok_or(CalibError::EmptyCluster { cluster })?);
    }
    Ok(values)
}

/// Means in f64 over the rows of every label.
fn means<T: Scalar>(
    features: &Features<'_, T>,
    labels: impl Iterator<Item = Option<usize>>,
    count: usize,
) -> Vec<Option<Vec<T>>> {
    let mut sums: Vec<Option<(Vec<f64>, f64)>> = vec![None; count];
    for (row, label) in labels.enumerate() {
        let Some(label) = label else { continue };
        let (sum, n) = sums[label].get_or_insert_with(|| (vec![0.0; features.dim()], 0.0));
        *n += 1.0;
        for (s, x) in sum.iter_mut().zip(features.row(row)) {
            *s += x.to_f64();
        }
    }
    let mean = |(sum, n): (Vec<f64>, f64)| sum.into_iter().map(|s| T::from_f64(s / n)).collect();
    sums.into_iter().map(|s| s.map(mean)).collect()
}

/// `‖x − y‖` in f64.
pub(crate) fn distance<T: Scalar>(x: &[T], y: &[T]) -> f64 {
    squared_distance(x, y).sqrt()
}

pub(crate) fn squared_distance<T: Scalar>(x: &[T], y: &[T]) -> f64 {
    x.iter()
        .zip(y)
        .map(|(a, b)| {
            let d = a.to_f64() - b.to_f64();
            d * d
        })
        .sum()
}
