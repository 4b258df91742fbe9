//! Where the centres begin.

use rand::RngCore;

use super::errors::KMeansError;
use super::step::Prepared;
use crate::error::{InputError, reserve};
use crate::moments::{squared_distance, squared_norm};
use crate::pass::{Plan, add_up, over_blocks};
use crate::product::inner_products;
use crate::random::{Weighted, distinct};
use crate::rows::{Matrix, RowSource};
use crate::scalar::Scalar;

/// Where the centres begin.
#[derive(Debug, Clone, PartialEq)]
pub enum Start<T> {
    /// Greedy k-means++ (Arthur and Vassilvitskii 2007, with `2 + ln K` candidates per centre as in scikit-learn): rows drawn with
    /// probability proportional to weight times squared distance to the nearest centre so far.
    PlusPlus {
        /// Draw from this many rows, themselves drawn without replacement, instead of all; k-means++ passes over them once per
        /// centre. At least as many as clusters.
        sample: Option<usize>,
    },
    /// Different rows, drawn uniformly from those with a weight above 0.
    Random,
    /// These centres, `[clusters, dim]` row-major.
    Given(Vec<T>),
}

impl<T> Default for Start<T> {
    fn default() -> Self {
        Self::PlusPlus { sample: None }
    }
}

impl<T: Scalar> Start<T> {
    /// The first centres, `[clusters, dim]`, relative to the shift of the rows.
    pub(crate) fn centres<S: RowSource<T> + ?Sized>(
        &self,
        rows: &Prepared<'_, T, S>,
        clusters: usize,
        rng: &mut impl RngCore,
    ) -> Result<Vec<T>, KMeansError> {
        let dim = rows.dim();
        match self {
            Self::Given(values) => {
                if clusters.checked_mul(dim) != Some(values.len()) {
                    return Err(KMeansError::Start {
                        clusters,
                        dim,
                        found: values.len(),
                    });
                }
                if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                    return Err(KMeansError::StartNonFinite {
                        centre: at / dim,
                        column: at % dim,
                    });
                }
                let shifted = rows.shifted(values);
                let longest = shifted.chunks_exact(dim).map(squared_norm);
                if longest.fold(0.0, f64::max) > T::LARGEST / 64.0 {
                    return Err(KMeansError::Parameter {
                        name: "the given centres",
                        expected: "of the size of the rows",
                        found: "numbers whose squares overflow".into(),
                    });
                }
                Ok(shifted)
            }
            Self::Random => {
                let usable: Vec<usize> =
                    (0..rows.rows()).filter(|&i| rows.weight(i) > 0.0).collect();
                let mut centres = Vec::with_capacity(clusters * dim);
                for at in distinct(rng, usable.len(), clusters) {
                    centres.extend(rows.row(usable[at])?);
                }
                Ok(centres)
            }
            Self::PlusPlus { sample: None } => plus_plus(rows, clusters, rng),
            Self::PlusPlus {
                sample: Some(sample),
            } => {
                if *sample < clusters {
                    return Err(KMeansError::Parameter {
                        name: "the sample of k-means++",
                        expected: "at least the number of clusters",
                        found: sample.to_string(),
                    });
                }
                if *sample >= rows.rows() {
                    return plus_plus(rows, clusters, rng);
                }
                let mut drawn = distinct(rng, rows.rows(), *sample);
                drawn.sort_unstable();
                let mut part = reserve(
                    "the sample of k-means++",
                    sample.checked_mul(dim),
                    T::default(),
                    "draw fewer rows",
                )?;
                rows.gather(&drawn, &mut part)?;
                let weights = rows
                    .weights
                    .map(|w| drawn.iter().map(|&i| w[i]).collect::<Vec<_>>());
                let table = Matrix::new(&part, dim)?;
                let sampled = Prepared {
                    source: &table,
                    weights: weights.as_deref(),
                    shift: vec![T::default(); dim],
                    norms: drawn.iter().map(|&i| rows.norms[i]).collect(),
                    variance: rows.variance,
                    negligible: rows.negligible,
                };
                plus_plus(&sampled, clusters, rng)
            }
        }
    }
}

/// Greedy k-means++ over all rows of `rows`.
fn plus_plus<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    clusters: usize,
    rng: &mut impl RngCore,
) -> Result<Vec<T>, KMeansError> {
    let dim = rows.dim();
    let n = rows.rows();
    let few = |distinct| KMeansError::FewerDistinctRows { distinct, clusters };
    let trials = 2 + (clusters as f64).ln() as usize;
    let first = Weighted::new((0..n).map(|i| rows.weight(i)))
        .ok_or(few(0))?
        .draw(rng);
    let mut centres = rows.row(first)?;
    let mut nearest = distances_to(rows, &centres, None)?.remove(0).1;
    for chosen in 1..clusters {
        let drawing =
            Weighted::new((0..n).map(|i| rows.weight(i) * nearest[i])).ok_or(few(chosen))?;
        let mut candidates = Vec::with_capacity(trials * dim);
        for _ in 0..trials {
            candidates.extend(rows.row(drawing.draw(rng))?);
        }
        let mut found = distances_to(rows, &candidates, Some(&nearest))?;
        let mut best = 0;
        for t in 1..trials {
            if found[t].0 < found[best].0 {
                best = t;
            }
        }
        centres.extend_from_slice(&candidates[best * dim..(best + 1) * dim]);
        nearest = found.swap_remove(best).1;
    }
    Ok(centres)
}

/// For each candidate: the weighted sum over rows of the squared distance to it or, where smaller, `nearest`; and those distances.
fn distances_to<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    candidates: &[T],
    nearest: Option<&[f64]>,
) -> Result<Vec<(f64, Vec<f64>)>, InputError> {
    let dim = rows.dim();
    let norms: Vec<f64> = candidates.chunks_exact(dim).map(squared_norm).collect();
    let trials = norms.len();
    // Below this fraction of the lengths the binomial formula has lost most digits; such pairs are few and computed directly.
    let cancelled = 64.0 * T::EPSILON;
    type Chunk<T> = (Vec<f64>, Vec<Vec<f64>>, Vec<T>);
    let chunks = over_blocks(
        rows.source,
        &rows.shift,
        Plan::new(rows.rows(), dim, trials),
        |n| -> Chunk<T> {
            (
                vec![0.0; trials],
                vec![Vec::with_capacity(n); trials],
                Vec::new(),
            )
        },
        |(sums, distances, products): &mut Chunk<T>, first, block: &[T]| {
            products.resize(block.len() / dim * trials, T::default());
            inner_products(block, candidates, dim, products);
            for (i, row) in block.chunks_exact(dim).enumerate() {
                let index = first + i;
                let known = nearest.map_or(f64::INFINITY, |n| n[index]);
                for t in 0..trials {
                    let lengths = rows.norms[index] + norms[t];
                    let mut d = lengths - 2.0 * products[i * trials + t].to_f64();
                    if d < cancelled * lengths {
                        d = squared_distance(row, &candidates[t * dim..(t + 1) * dim]);
                    }
                    if d <= rows.negligible {
                        d = 0.0;
                    }
                    let d = d.min(known);
                    sums[t] += rows.weight(index) * d;
                    distances[t].push(d);
                }
            }
            Ok::<_, InputError>(())
        },
    )?;
    let potentials = add_up(chunks.iter().map(|(sums, _, _)| sums.clone()));
    let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(rows.rows()); trials];
    for (_, parts, _) in chunks {
        for (column, part) in columns.iter_mut().zip(parts) {
            column.extend(part);
        }
    }
    Ok(potentials.into_iter().zip(columns).collect())
}
