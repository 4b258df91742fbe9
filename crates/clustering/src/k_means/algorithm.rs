//! Lloyd's algorithm, and the fitted clustering that all forms of k-means return.

use rand::RngCore;

use super::errors::KMeansError;
use super::init::Start;
use super::nearest::{Centres, Found};
use super::params::{KMeansParams, ValidKMeans};
use super::step::{Assignment, Prepared, assign, inertia_of, nearest_and_inertia, new_centres};
use crate::error::InputError;
use crate::moments::{means, squared_distance};
use crate::pass::{Plan, over_blocks};
use crate::rows::RowSource;
use crate::scalar::Scalar;

/// A fitted clustering.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans<T> {
    pub(crate) centres: Vec<T>,
    pub(crate) dim: usize,
    pub(crate) labels: Vec<u32>,
    pub(crate) inertia: f64,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
    pub(crate) history: Vec<f64>,
}

impl<T: Scalar> ValidKMeans<T> {
    /// Clusters the rows: `min_μ Σ_i w_i min_k ‖x_i − μ_k‖²` by alternating nearest centres and means (Lloyd 1982), the best of
    /// several starts.
    ///
    /// `weights` has one number per row, finite, at least 0; none means 1 for every row. All randomness comes from `rng`, and the
    /// result does not depend on the number of threads. Cost per iteration: one matrix product of `[rows, dim]` and
    /// `[dim, clusters]`; memory beyond the rows: about 30 bytes per row and up to 64 copies of the centres.
    ///
    /// A cluster that loses all its rows takes the row that is farthest from its centre, as in scikit-learn.
    ///
    /// # Errors
    /// No rows, NaN or infinite features, bad weights, fewer rows (or fewer different rows) than clusters, given centres of
    /// another shape, a file that cannot be read.
    pub fn fit<S: RowSource<T> + ?Sized>(
        &self,
        rows: &S,
        weights: Option<&[f64]>,
        rng: &mut impl RngCore,
    ) -> Result<KMeans<T>, KMeansError> {
        let params = &self.0;
        let rows = Prepared::new(rows, weights)?;
        rows.check_clusters(params.clusters)?;
        let last = |centres: &[T]| Ok(nearest_and_inertia(&rows, centres)?);
        best_of_starts(params, &rows, true, rng, last, |centres| {
            Ok(assign(&rows, centres)?)
        })
    }
}

/// Alternates from as many starts as the parameters ask for; the run of least inertia. `assign` gives labels and sums, `last` the labels
/// around the final centres and their inertia.
pub(crate) fn best_of_starts<T: Scalar, S: RowSource<T> + ?Sized>(
    params: &KMeansParams<T>,
    rows: &Prepared<'_, T, S>,
    relocate: bool,
    rng: &mut impl RngCore,
    last: impl Fn(&[T]) -> Result<(Vec<u32>, f64), KMeansError>,
    assign: impl Fn(&[T]) -> Result<Assignment, KMeansError>,
) -> Result<KMeans<T>, KMeansError> {
    let mut best: Option<KMeans<T>> = None;
    for _ in 0..runs(&params.start, params.restarts) {
        let centres = params.start.centres(rows, params.clusters, rng)?;
        let run = alternate(
            rows,
            centres,
            params.max_iterations,
            params.tolerance,
            relocate,
            &last,
            &assign,
        )?;
        if best.as_ref().is_none_or(|b| run.inertia < b.inertia) {
            best = Some(run);
        }
    }
    best.ok_or(KMeansError::Parameter {
        name: "restarts",
        expected: "at least 1",
        found: "0".into(),
    })
}

/// Given centres lead to the same result every time.
pub(crate) fn runs<T>(start: &Start<T>, restarts: usize) -> usize {
    match start {
        Start::Given(_) => 1,
        _ => restarts,
    }
}

/// Alternates assignment and means until the centres rest. `centres` are relative to the shift of the rows; the result's are not.
fn alternate<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    mut centres: Vec<T>,
    max_iterations: usize,
    tolerance: f64,
    relocate: bool,
    last: impl Fn(&[T]) -> Result<(Vec<u32>, f64), KMeansError>,
    assign: impl Fn(&[T]) -> Result<Assignment, KMeansError>,
) -> Result<KMeans<T>, KMeansError> {
    let mut history = Vec::new();
    let mut labels: Option<Vec<u32>> = None;
    let mut converged = false;
    let mut iterations = 0;
    let mut settled = false;
    while iterations < max_iterations && !converged {
        let mut assignment = assign(&centres)?;
        history.push(assignment.inertia);
        let next = new_centres(rows, &mut assignment, &centres, relocate)?;
        let movement = squared_distance(&next, &centres);
        centres = next;
        iterations += 1;
        settled = labels.as_ref() == Some(&assignment.labels);
        converged = settled || movement <= tolerance * rows.variance;
        labels = Some(assignment.labels);
    }
    // Labels that have not changed are those of the centres already; otherwise the centres have moved since.
    let (labels, inertia) = match labels {
        Some(labels) if settled => {
            let inertia = inertia_of(rows, &labels, &centres)?;
            (labels, inertia)
        }
        _ => last(&centres)?,
    };
    history.push(inertia);
    Ok(KMeans {
        centres: rows.unshifted(&centres),
        dim: rows.dim(),
        labels,
        inertia,
        iterations,
        converged,
        history,
    })
}

impl<T: Scalar> KMeans<T> {
    /// The centres, `[clusters, dim]` row-major.
    pub fn centres(&self) -> &[T] {
        &self.centres
    }

    /// Number of clusters.
    pub fn clusters(&self) -> usize {
        self.centres.len() / self.dim
    }

    /// Features per centre.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The cluster of every row that was fitted, `0..clusters`.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Rows per cluster (not weights). A cluster is empty only where the last iteration emptied it.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.clusters()];
        for &label in &self.labels {
            sizes[label as usize] += 1;
        }
        sizes
    }

    /// Weighted sum of squared distances of the fitted rows to the centres of their clusters.
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// Iterations of the run that was kept.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Whether that run ended before the most iterations.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// Inertia at every assignment of that run, the final one last. It never rises, up to rounding.
    pub fn history(&self) -> &[f64] {
        &self.history
    }

    /// The nearest centre to every row; of equally near ones the first.
    ///
    /// # Errors
    /// When the rows have another dimension, are not finite, or cannot be read.
    pub fn predict<S: RowSource<T> + ?Sized>(&self, rows: &S) -> Result<Vec<u32>, InputError> {
        if rows.dim() != self.dim {
            return Err(InputError::Dimension {
                expected: self.dim,
                found: rows.dim(),
            });
        }
        means(rows)?;
        let shift = self.mean_of_centres();
        let moved: Vec<T> = self
            .centres
            .iter()
            .zip(shift.iter().cycle())
            .map(|(&x, &s)| x - s)
            .collect();
        let centres = Centres::new(&moved, self.dim);
        let labels = over_blocks(
            rows,
            &shift,
            Plan::new(rows.rows(), self.dim, 1),
            |n| (Vec::with_capacity(n), Found::default()),
            |(labels, found): &mut (Vec<u32>, Found<T>), _, block: &[T]| {
                centres.nearest(block, self.dim, found);
                labels.extend_from_slice(&found.labels);
                Ok::<_, InputError>(())
            },
        )?;
        Ok(labels.into_iter().flat_map(|(labels, _)| labels).collect())
    }

    fn mean_of_centres(&self) -> Vec<T> {
        let k = self.clusters() as f64;
        (0..self.dim)
            .map(|j| {
                let column = self.centres.iter().skip(j).step_by(self.dim);
                T::from_f64(column.map(|c| c.to_f64()).sum::<f64>() / k)
            })
            .collect()
    }
}
