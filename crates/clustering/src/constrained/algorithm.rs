//! Lloyd's algorithm with the exact assignment of [`super::assign_at_least`] (Bradley, Bennett and Demiriz 2000).

use rand::RngCore;

use super::assignment::assign_at_least;
use super::params::{AssignmentCost, ValidConstrained};
use crate::error::{InputError, reserve};
use crate::k_means::algorithm::best_of_starts;
use crate::k_means::nearest::Centres;
use crate::k_means::step::{Prepared, inertia_of, sums_of};
use crate::k_means::{KMeans, KMeansError};
use crate::pass::{Plan, over_blocks};
use crate::rows::RowSource;
use crate::scalar::Scalar;

impl<T: Scalar> ValidConstrained<T> {
    /// Clusters the rows: the objective of k-means over all assignments in which every cluster has at least the given number of
    /// rows. Each assignment step is solved exactly.
    ///
    /// Weights, randomness, threads and the other errors are as for [`crate::k_means::ValidKMeans::fit`]; the bounds count rows, not
    /// weights. Memory beyond the rows: up to 12 bytes per row and cluster in f32, 20 in f64.
    ///
    /// # Errors
    /// As for k-means, and when the bounds need more rows than there are.
    pub fn fit<S: RowSource<T> + ?Sized>(
        &self,
        rows: &S,
        weights: Option<&[f64]>,
        rng: &mut impl RngCore,
    ) -> Result<KMeans<T>, KMeansError> {
        let params = &self.0.base;
        let min_size = self.0.min_size.resolve(rows.rows(), params.clusters)?;
        let rows = Prepared::new(rows, weights)?;
        rows.check_clusters(params.clusters)?;
        let labels = |centres: &[T]| -> Result<Vec<u32>, KMeansError> {
            let costs = costs(&rows, centres, self.0.cost)?;
            assign_at_least(&costs, params.clusters, min_size)
        };
        let last = |centres: &[T]| {
            let labels = labels(centres)?;
            let inertia = inertia_of(&rows, &labels, centres)?;
            Ok((labels, inertia))
        };
        best_of_starts(params, &rows, false, rng, last, |centres| {
            Ok(sums_of(&rows, &labels(centres)?, centres)?)
        })
    }
}

/// Weighted costs of every row in every cluster, `[rows, clusters]`. For squared distances the part `‖x‖²`, which is the same in every
/// cluster, is left out: it would only cost digits.
fn costs<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    centres: &[T],
    cost: AssignmentCost,
) -> Result<Vec<T>, InputError> {
    let dim = rows.dim();
    let prepared = Centres::new(centres, dim);
    let k = prepared.norms.len();
    // Asked for beforehand, so that too large a table is an error; the chunks are filled separately and joined.
    let mut table = reserve(
        "the table of costs",
        rows.rows().checked_mul(k),
        T::default(),
        "cluster a sample, or use fewer clusters",
    )?;
    table.clear();
    let chunks = over_blocks(
        rows.source,
        &rows.shift,
        Plan::new(rows.rows(), dim, 1),
        |_| (Vec::new(), Vec::new()),
        |(costs, products): &mut (Vec<T>, Vec<T>), first, block: &[T]| {
            prepared.products(block, dim, products);
            for (i, row) in products.chunks_exact(k).enumerate() {
                let weight = rows.weight(first + i);
                for (&product, &norm) in row.iter().zip(&prepared.norms) {
                    let score = norm - 2.0 * product.to_f64();
                    let value = match cost {
                        AssignmentCost::Squared => score,
                        AssignmentCost::Distance => (rows.norms[first + i] + score).max(0.0).sqrt(),
                    };
                    costs.push(T::from_f64(weight * value));
                }
            }
            Ok::<_, InputError>(())
        },
    )?;
    for (chunk, _) in chunks {
        table.extend(chunk);
    }
    Ok(table)
}
