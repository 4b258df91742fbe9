//! DBSCAN (Ester et al. 1996) by blocked distances, without a neighbour list.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;

use super::components::Components;
use super::errors::DbscanError;
use super::params::ValidDbscan;
use crate::error::{InputError, check_weights};
use crate::moments::{means, squared_distance, squared_norms};
use crate::product::inner_products;
use crate::rows::RowSource;
use crate::scalar::Scalar;
use crate::vectors::wide;

/// Rows per side of a block of distances: its products stay in the second-level cache.
const SIDE: usize = 256;
/// Distances that are compared with the radius at a time.
const LANES: usize = 16;

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
    /// fewer than `min_samples`, are noise). Time grows with the square of the number of rows: that of the product of the table
    /// with itself, one and a half times with weights; memory is that of the rows in use and a few bytes per row. The result does not depend on the number of threads.
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
        let enough = |neighbours: f64| neighbours >= self.0.min_samples;
        let core: Vec<bool> = match weights {
            None => near
                .counts()?
                .into_iter()
                .map(f64::from)
                .map(enough)
                .collect(),
            Some(weights) => near.weights(weights)?.into_iter().map(enough).collect(),
        };
        let components = Components::new(n);
        // A row that is not core has few core neighbours (fewer than min_samples, unless weights are small), so they are kept.
        let borders = near.visit(
            Pairs::Unordered,
            Vec::new,
            |borders: &mut Vec<(u32, u32)>, _, i, j| match (core[i], core[j]) {
                (true, true) => components.join(i as u32, j as u32),
                (false, true) => borders.push((i as u32, j as u32)),
                (true, false) => borders.push((j as u32, i as u32)),
                (false, false) => {}
            },
        )?;
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

/// Which pairs of rows are visited.
#[derive(Clone, Copy, PartialEq)]
enum Pairs {
    /// `(i, j)` for all `i` and `j`, themselves among them, `j` ascending for every `i`.
    Ordered,
    /// `(i, j)` with `j < i` only.
    Unordered,
}

impl<S: ?Sized> Near<'_, S> {
    /// How many neighbours every row has, itself among them.
    fn counts<T: Scalar>(&self) -> Result<Vec<u32>, InputError>
    where
        S: RowSource<T>,
    {
        let of_others: Vec<AtomicU32> = self.norms.iter().map(|_| AtomicU32::new(1)).collect();
        let own = self.visit(
            Pairs::Unordered,
            || vec![0; SIDE],
            |counts: &mut Vec<u32>, first, i, j| {
                counts[i - first] += 1;
                of_others[j].fetch_add(1, Relaxed);
            },
        )?;
        let own = own
            .into_iter()
            .flat_map(|(counts, rows)| counts.into_iter().take(rows));
        let of_others = of_others.into_iter().map(AtomicU32::into_inner);
        Ok(own.zip(of_others).map(|(a, b)| a + b).collect())
    }

    /// What the neighbours of every row weigh, itself among them: added up in their order, since sums of weights round.
    fn weights<T: Scalar>(&self, weights: &[f64]) -> Result<Vec<f64>, InputError>
    where
        S: RowSource<T>,
    {
        let sums = self.visit(
            Pairs::Ordered,
            || vec![0.0; SIDE],
            |sums: &mut Vec<f64>, first, i, j| sums[i - first] += weights[j],
        )?;
        let sums = sums
            .into_iter()
            .flat_map(|(sums, rows)| sums.into_iter().take(rows));
        Ok(sums.collect())
    }

    /// Calls `pair(state, first row of the block, i, j)` for the pairs that are neighbours. Returns the states of the blocks of `i` in
    /// their order, with the number of their rows.
    fn visit<T: Scalar, A: Send>(
        &self,
        pairs: Pairs,
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
            let until = match pairs {
                Pairs::Ordered => n,
                Pairs::Unordered => first + count,
            };
            for other in (0..until).step_by(SIDE) {
                let others = SIDE.min(n - other);
                let right = &mut right[..others * dim];
                self.rows.read(other, right)?;
                let products = &mut products[..count * others];
                inner_products(&left, right, dim, products);
                for (i, row) in products.chunks_exact(others).enumerate() {
                    let wanted = match pairs {
                        Pairs::Ordered => others,
                        Pairs::Unordered => others.min(first + i - other),
                    };
                    let exact = |j: usize| {
                        let x = &left[i * dim..(i + 1) * dim];
                        squared_distance(x, &right[j * dim..(j + 1) * dim]) <= self.eps_squared
                    };
                    let norms = &self.norms[other..other + wanted];
                    self.in_row(self.norms[first + i], &row[..wanted], norms, exact, |j| {
                        pair(&mut state, first, first + i, other + j);
                    });
                }
            }
            Ok((state, count))
        };
        let results: Vec<Result<_, InputError>> =
            blocks.par_iter().with_max_len(1).map(block).collect();
        results.into_iter().collect()
    }

    /// Calls `found` for the neighbours among rows of which inner products and squared lengths are given, ascending.
    fn in_row<T: Scalar>(
        &self,
        norm: f64,
        products: &[T],
        norms: &[f64],
        exact: impl Fn(usize) -> bool,
        mut found: impl FnMut(usize),
    ) {
        // Close to the edge rounding would decide: there the exact differences do.
        let margin = 64.0 * T::EPSILON;
        let over = |product: T, other: f64| {
            let lengths = norm + other;
            (lengths - 2.0 * product.to_f64() - self.eps_squared, lengths)
        };
        let mut check = |j: usize| {
            let (over, lengths) = over(products[j], norms[j]);
            if over < -margin * lengths || (over <= margin * lengths && exact(j)) {
                found(j);
            }
        };
        let mut near = [false; SIDE / LANES];
        let (lanes, of_norms) = (products.chunks_exact(LANES), norms.chunks_exact(LANES));
        let groups = lanes.len();
        // Few rows are near, so whole groups are compared, and looked at one by one only where there is one.
        wide(|| {
            for ((products, norms), near) in lanes.zip(of_norms).zip(&mut near) {
                let mut any = false;
                for l in 0..LANES {
                    let (over, lengths) = over(products[l], norms[l]);
                    any |= over <= margin * lengths;
                }
                *near = any;
            }
        });
        for group in (0..groups).filter(|&group| near[group]) {
            (group * LANES..(group + 1) * LANES).for_each(&mut check);
        }
        (groups * LANES..products.len()).for_each(check);
    }
}
