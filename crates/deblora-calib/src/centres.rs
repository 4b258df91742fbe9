//! De-biased centres: `μ̂_c = Σ_k w_k μ_k` (debLoRA, its second step).

use clustering::Scalar;

use crate::counts::ClusterCounts;
use crate::error::CalibError;
use crate::means::ClassCentres;
use crate::table::{Classes, Clusters, Features};

/// What the noise rows of a clustering do. To give them to the nearest cluster, relabel them with
/// [`crate::nearest_for_noise`] first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Noise {
    /// They have no say: the weights are those of the rows in clusters. A class that is all noise is an error.
    #[default]
    LeaveOut,
    /// Each stands for itself, as if it were a cluster of its own.
    Itself,
}

/// The de-biased centre of every class that has rows. `centres` is `[clusters, dim]` row-major, in the space of `features`.
///
/// With k-means, `μ̂_c` is the mean, over the rows of the class, of the centres of their clusters. Nothing makes it nearer to the true mean
/// of the class than the mean of its rows is; [`crate::centre_distances`] measures that on validation rows.
///
/// # Errors
/// When lengths do not fit, centres are not finite, or (with [`Noise::LeaveOut`]) a class is all noise.
pub fn debiased_centres<T: Scalar>(
    features: &Features<'_, T>,
    classes: &Classes<'_>,
    clusters: &Clusters<'_>,
    centres: &[T],
    noise: Noise,
) -> Result<ClassCentres<T>, CalibError> {
    classes.fit(features)?;
    let dim = features.dim();
    if clusters.count().checked_mul(dim) != Some(centres.len()) {
        return Err(CalibError::Length {
            what: "the table of centres",
            expected: format!("{} centres of {dim}", clusters.count()),
            found: centres.len(),
        });
    }
    if !centres.is_empty() {
        Features::new("the table of centres", centres, dim)?;
    }
    let counts = ClusterCounts::new(classes, clusters)?;
    let mut sums: Vec<Vec<f64>> = Vec::with_capacity(classes.count());
    for class in 0..classes.count() {
        let mut sum = vec![0.0; dim];
        for (k, &n) in counts.of(class).iter().enumerate() {
            if n > 0 {
                add(&mut sum, &centres[k * dim..(k + 1) * dim], n as f64);
            }
        }
        sums.push(sum);
    }
    let mut totals: Vec<usize> = (0..classes.count())
        .map(|class| counts.of(class).iter().sum())
        .collect();
    match noise {
        Noise::LeaveOut => {
            for class in 0..classes.count() {
                if totals[class] == 0 && counts.noise(class) > 0 {
                    return Err(CalibError::AllNoise {
                        class,
                        rows: counts.noise(class),
                    });
                }
            }
        }
        Noise::Itself => {
            for (row, label) in clusters.labels().iter().enumerate() {
                if label.is_none() {
                    let class = classes.labels()[row];
                    add(&mut sums[class], features.row(row), 1.0);
                    totals[class] += 1;
                }
            }
        }
    }
    let centre = |(sum, n): (Vec<f64>, usize)| {
        (n > 0).then(|| sum.iter().map(|s| T::from_f64(s / n as f64)).collect())
    };
    Ok(ClassCentres::new(
        sums.into_iter().zip(totals).map(centre).collect(),
    ))
}

fn add<T: Scalar>(sum: &mut [f64], x: &[T], weight: f64) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s += weight * x.to_f64();
    }
}
