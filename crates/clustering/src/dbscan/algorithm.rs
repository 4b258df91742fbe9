//! DBSCAN (Ester et al. 1996) by blocked distances, without a neighbour list.

use rayon::prelude::*;

use super::components::Components;
use super::errors::DbscanError;
use super::params::ValidDbscan;
use crate::error::{InputError, check_weights};
use crate::moments::{means, squared_distance, squared_norms};
use crate::product::inner_products;
use crate::rows::RowSource;
use crate::scalar::Scalar;

/// Rows per side of a block of distances.
const SIDE: usize = 512;

/// A fitted clustering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dbscan {
    labels: Vec<Option<u32>>,
    core: Vec<bool>,
    clusters: usize,
}

impl Dbscan {
    /// The cluster of every row, `0..clusters`; `None` is noise. Clusters are numbered by their first core row.
    pub fn labels(&self) -> &[Option<u32>] {
        &self.labels
    }

    /// Whether a row has enough neighbours.
    pub fn core(&self) -> &[bool] {
        &self.core
    }

    /// Number of clusters; may be 0.
    pub fn clusters(&self) -> usize {
        self.clusters
    }
}

impl ValidDbscan {
    /// Clusters the rows: core rows that are neighbours share a cluster, another row belongs to the first cluster of a core row
    /// next to it, and rows without one are noise. Labels are those of scikit-learn.
    ///
    /// `weights` as in k-means: one number per row, finite, at least 0; none means 1. Rows all equal form one cluster (or, if they are
    /// fewer than `min_samples`, are noise). Time grows with the square of the number of rows, twice the product of the table
    /// with itself; memory is that of the rows in use and a few bytes per row. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// No rows, NaN or infinite features, bad weights, a file that cannot be read.
    pub fn fit<T: Scalar, S: RowSource<T> + ?Sized>(
        &self,
        rows: &S,
        weights: Option<&[f64]>,
    ) -> Result<Dbscan, DbscanError> {
        means(rows)?;
        check_weights(weights, rows.rows())?;
        let n = u32::try_from(rows.rows()).map_err(|_| DbscanError::Parameter {
            name: "the number of rows",
            expected: "below 2^32",
            found: rows.rows().to_string(),
        })?;
        let near = Near {
            rows,
            norms: squared_norms(rows, &vec![T::default(); rows.dim()])?,
            eps_squared: self.0.eps * self.0.eps,
        };
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let core: Vec<bool> = near
            .visit(
                || vec![0.0; SIDE],
                |counts, first, i, j| counts[i - first] += weight(j),
            )?
            .into_iter()
            .flat_map(|(counts, rows)| counts.into_iter().take(rows))
            .map(|count| count >= self.0.min_samples)
            .collect();
        let components = Components::new(n);
        // A row that is not core has few core neighbours (fewer than min_samples, unless weights are small), so they are kept.
        let borders = near.visit(Vec::new, |borders: &mut Vec<(u32, u32)>, _, i, j| {
            if core[j] && core[i] {
                if j < i {
                    components.join(i as u32, j as u32);
                }
            } else if core[j] {
                borders.push((i as u32, j as u32));
            }
        })?;
        // Roots are the smallest members, so counting them in order numbers clusters by their first core row.
        let mut labels = vec![None; rows.rows()];
        let mut clusters = 0;
        for i in 0..n {
            if !core[i as usize] {
                continue;
            }
            let root = components.root(i);
            labels[i as usize] = if root == i {
                clusters += 1;
                Some(clusters - 1)
            } else {
                labels[root as usize]
            };
        }
        for (i, j) in borders.into_iter().flat_map(|(pairs, _)| pairs) {
            let label = labels[j as usize];
            let own = &mut labels[i as usize];
            if own.is_none() || label < *own {
                *own = label;
            }
        }
        Ok(Dbscan {
            labels,
            core,
            clusters: clusters as usize,
        })
    }
}

/// Finds the pairs of rows that are neighbours.
struct Near<'a, S: ?Sized> {
    rows: &'a S,
    norms: Vec<f64>,
    eps_squared: f64,
}

impl<S: ?Sized> Near<'_, S> {
    /// Calls `pair(state, first row of the block, i, j)` for all ordered pairs of neighbours, `i = j` among them, `j` ascending for
    /// every `i`. Returns the states of the blocks of `i` in their order, with the number of their rows.
    fn visit<T: Scalar, A: Send>(
        &self,
        start: impl Fn() -> A + Sync,
        pair: impl Fn(&mut A, usize, usize, usize) + Sync,
    ) -> Result<Vec<(A, usize)>, InputError>
    where
        S: RowSource<T>,
    {
        let (n, dim) = (self.rows.rows(), self.rows.dim());
        let blocks: Vec<usize> = (0..n).step_by(SIDE).collect();
        let block = |&first: &usize| {
            let count = SIDE.min(n - first);
            let mut state = start();
            let mut left = vec![T::default(); count * dim];
            self.rows.read(first, &mut left)?;
            let mut right = vec![T::default(); SIDE.min(n) * dim];
            let mut products = vec![T::default(); count * SIDE];
            for other in (0..n).step_by(SIDE) {
                let others = SIDE.min(n - other);
                let right = &mut right[..others * dim];
                self.rows.read(other, right)?;
                let products = &mut products[..count * others];
                inner_products(&left, right, dim, products);
                for (i, row) in products.chunks_exact(others).enumerate() {
                    let x = &left[i * dim..(i + 1) * dim];
                    for (j, &product) in row.iter().enumerate() {
                        let lengths = self.norms[first + i] + self.norms[other + j];
                        let mut d = lengths - 2.0 * product.to_f64();
                        // Close to the edge rounding would decide: there the exact differences do.
                        if (d - self.eps_squared).abs() <= 64.0 * T::EPSILON * lengths {
                            d = squared_distance(x, &right[j * dim..(j + 1) * dim]);
                        }
                        if d <= self.eps_squared {
                            pair(&mut state, first, first + i, other + j);
                        }
                    }
                }
            }
            Ok((state, count))
        };
        let results: Vec<Result<_, InputError>> = blocks.par_iter().map(block).collect();
        results.into_iter().collect()
    }
}
