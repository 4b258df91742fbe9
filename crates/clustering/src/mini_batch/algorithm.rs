//! Mini-batch k-means (Sculley 2010) in the form that scikit-learn gives it.

use rand::RngCore;
use rayon::prelude::*;

use super::params::ValidMiniBatch;
use crate::error::{InputError, check_weights, reserve};
use crate::k_means::nearest::{Centres, Found};
use crate::k_means::step::{Prepared, nearest_and_inertia};
use crate::k_means::{KMeans, KMeansError};
use crate::moments::{means, squared_distance};
use crate::pass::{Plan, over_blocks};
use crate::random::{below, distinct};
use crate::rows::{Matrix, RowSource};
use crate::scalar::Scalar;
use crate::vectors::wide;

/// Centres that learn from batches: each is the weighted mean of all rows it was nearest to when they came.
///
/// For streams; [`ValidMiniBatch::fit`] draws the batches itself.
#[derive(Debug, Clone)]
pub struct MiniBatchState<T> {
    centres: Vec<T>,
    dim: usize,
    seen: Vec<f64>,
}

impl<T: Scalar> MiniBatchState<T> {
    /// Begins at `centres`, `[clusters, dim]` row-major, which have seen nothing.
    ///
    /// # Errors
    /// When there is no centre, the length is no multiple of `dim`, or a value is not finite.
    pub fn new(centres: Vec<T>, dim: usize) -> Result<Self, KMeansError> {
        let k = Matrix::new(&centres, dim)?.rows();
        if let Some(at) = centres.iter().position(|c| !c.is_finite()) {
            return Err(KMeansError::StartNonFinite {
                centre: at / dim,
                column: at % dim,
            });
        }
        Ok(Self {
            centres,
            dim,
            seen: vec![0.0; k],
        })
    }

    /// The centres, `[clusters, dim]` row-major.
    pub fn centres(&self) -> &[T] {
        &self.centres
    }

    /// The weight that each centre has seen.
    pub fn seen(&self) -> &[f64] {
        &self.seen
    }

    /// Learns from one batch, `[rows, dim]` row-major; returns its inertia around the centres before.
    ///
    /// # Errors
    /// When the batch is empty or ragged, has a feature that is not finite, or weights that do not fit.
    pub fn step(&mut self, batch: &[T], weights: Option<&[f64]>) -> Result<f64, KMeansError> {
        let table = Matrix::new(batch, self.dim)?;
        means(&table)?;
        check_weights(weights, table.rows())?;
        Ok(self.learn(batch, weights)?)
    }

    /// [`MiniBatchState::step`] on a checked batch.
    fn learn(&mut self, batch: &[T], weights: Option<&[f64]>) -> Result<f64, InputError> {
        let dim = self.dim;
        let table = Matrix::new(batch, dim)?;
        let centres = Centres::new(&self.centres, dim);
        let chunks = over_blocks(
            &table,
            &[],
            Plan::new(table.rows(), dim, 1),
            |n| (Vec::with_capacity(n), Found::default()),
            |(labels, found): &mut (Vec<u32>, Found<T>), _, block: &[T]| {
                centres.nearest(block, dim, found);
                labels.extend_from_slice(&found.labels);
                Ok::<_, InputError>(())
            },
        )?;
        // Rows of every cluster in their order, so that the sum of a cluster is formed by one thread and stays in its cache.
        let mut members = vec![Vec::new(); self.seen.len()];
        let labels = chunks.into_iter().flat_map(|(labels, _)| labels);
        for (row, label) in labels.enumerate() {
            members[label as usize].push(row);
        }
        let learned: Vec<f64> = self
            .centres
            .par_chunks_exact_mut(dim)
            .zip(&mut self.seen)
            .zip(&members)
            .map_init(
                || vec![0.0; dim],
                |sum, ((centre, seen), members)| {
                    sum.fill(0.0);
                    let (mut mass, mut inertia) = (0.0, 0.0);
                    for &index in members {
                        let row = &batch[index * dim..(index + 1) * dim];
                        let weight = weights.map_or(1.0, |w| w[index]);
                        wide(|| {
                            for (s, x) in sum.iter_mut().zip(row) {
                                *s += weight * x.to_f64();
                            }
                            inertia += weight * squared_distance(row, centre);
                        });
                        mass += weight;
                    }
                    if mass > 0.0 {
                        let total = *seen + mass;
                        wide(|| {
                            for (c, s) in centre.iter_mut().zip(sum.iter()) {
                                *c = T::from_f64((c.to_f64() * *seen + s) / total);
                            }
                        });
                        *seen = total;
                    }
                    inertia
                },
            )
            .collect();
        Ok(learned.into_iter().sum())
    }

    /// Centres that have seen less than `ratio` of the busiest one's rows go to random rows of the batch, at most as many as half
    /// of the batch; they then count as having seen what the least busy other centre has.
    fn reassign(&mut self, batch: &[T], ratio: f64, rng: &mut impl RngCore) {
        let busiest = self.seen.iter().copied().fold(0.0, f64::max);
        let mut idle: Vec<usize> = (0..self.seen.len())
            .filter(|&k| self.seen[k] < ratio * busiest)
            .collect();
        idle.sort_by(|&a, &b| self.seen[a].total_cmp(&self.seen[b]));
        let rows = batch.len() / self.dim;
        idle.truncate(rows / 2);
        let least = (0..self.seen.len())
            .filter(|k| !idle.contains(k))
            .map(|k| self.seen[k])
            .fold(f64::INFINITY, f64::min);
        let drawn = distinct(rng, rows, idle.len());
        for (&cluster, &row) in idle.iter().zip(&drawn) {
            self.centres[cluster * self.dim..(cluster + 1) * self.dim]
                .copy_from_slice(&batch[row * self.dim..(row + 1) * self.dim]);
            self.seen[cluster] = least;
        }
    }
}

/// Running means over batches, and when to stop because of them.
struct Progress {
    smoothing: f64,
    inertia: Option<f64>,
    movement: Option<f64>,
    least: f64,
    without: usize,
}

impl Progress {
    /// Takes in one batch (inertia per row, squared movement of the centres); says whether to stop.
    fn stop(&mut self, inertia: f64, movement: f64, limit: f64, patience: Option<usize>) -> bool {
        let smooth = |old: Option<f64>, new: f64| {
            old.map_or(new, |old| {
                old * (1.0 - self.smoothing) + new * self.smoothing
            })
        };
        let inertia = smooth(self.inertia, inertia);
        let movement = smooth(self.movement, movement);
        (self.inertia, self.movement) = (Some(inertia), Some(movement));
        if limit > 0.0 && movement <= limit {
            return true;
        }
        if inertia < self.least {
            self.least = inertia;
            self.without = 0;
        } else {
            self.without += 1;
        }
        patience.is_some_and(|p| self.without >= p)
    }
}

impl<T: Scalar> ValidMiniBatch<T> {
    /// Clusters the rows by random batches: far fewer passes than Lloyd's algorithm, a slightly higher inertia.
    ///
    /// Weights, randomness, threads and errors are as for [`crate::k_means::ValidKMeans::fit`]. The history of the result is
    /// empty but for the final inertia, and its iterations are batches. A centre may end without a row.
    ///
    /// # Errors
    /// As for k-means.
    pub fn fit<S: RowSource<T> + ?Sized>(
        &self,
        source: &S,
        weights: Option<&[f64]>,
        rng: &mut impl RngCore,
    ) -> Result<KMeans<T>, KMeansError> {
        let params = &self.0;
        let rows = Prepared::new(source, weights)?;
        rows.check_clusters(params.clusters)?;
        let (n, dim) = (rows.rows(), rows.dim());
        let batch_rows = params.batch.min(n);
        let start = params.start.centres(&rows, params.clusters, rng)?;
        let mut state = MiniBatchState::new(start, dim)?;
        let mut batch = reserve(
            "a batch",
            batch_rows.checked_mul(dim),
            T::default(),
            "use smaller batches",
        )?;
        let steps = (params.max_epochs as u128 * n as u128 / batch_rows as u128).max(1);
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        let mut progress = Progress {
            smoothing: (2.0 * batch_rows as f64 / (n + 1) as f64).min(1.0),
            inertia: None,
            movement: None,
            least: f64::INFINITY,
            without: 0,
        };
        let mut since_reassignment = 0;
        let mut iterations = 0;
        let mut converged = false;
        while iterations < steps && !converged {
            let mut drawn: Vec<usize> = (0..batch_rows).map(|_| below(rng, n)).collect();
            // In order, so that a file is read forwards.
            drawn.sort_unstable();
            rows.gather(&drawn, &mut batch)?;
            let drawn_weights: Option<Vec<f64>> =
                weights.map(|w| drawn.iter().map(|&i| w[i]).collect());
            let before = state.centres.clone();
            let inertia = state.learn(&batch, drawn_weights.as_deref())?;
            since_reassignment += batch_rows;
            let due = state.seen.contains(&0.0)
                || since_reassignment >= params.clusters.saturating_mul(10);
            if params.reassignment > 0.0 && due {
                since_reassignment = 0;
                state.reassign(&batch, params.reassignment, rng);
            }
            iterations += 1;
            // The first batch is seen by the starting centres, which says nothing about progress.
            converged = iterations > 1
                && progress.stop(
                    inertia / batch_rows as f64,
                    wide(|| squared_distance(&before, &state.centres)),
                    params.tolerance * rows.variance,
                    params.patience,
                );
        }
        let (labels, inertia) = nearest_and_inertia(&rows, &state.centres)?;
        Ok(KMeans {
            centres: rows.unshifted(&state.centres),
            dim,
            labels,
            inertia,
            iterations,
            converged,
            history: vec![inertia],
        })
    }
}
