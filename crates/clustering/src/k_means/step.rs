//! What all forms of k-means share: prepared rows, the nearest centre of every row, new centres from labels.

use rayon::prelude::*;

use super::errors::KMeansError;
use super::nearest::{Centres, Found};
use crate::error::{InputError, check_weights};
use crate::moments::{add_row, means_and_norms, squared_distance, squared_norm, squared_norms};
use crate::pass::{Plan, add_up, over_blocks};
use crate::rows::RowSource;
use crate::scalar::Scalar;
use crate::vectors::wide;

/// Rows with what is computed about them once. All centres inside the algorithms are relative to `shift`: distances by the binomial
/// formula lose digits with the distance from the origin, so it is the mean of the rows, or 0 where that lies within their
/// spread already (which costs half a digit at most, and saves a copy of the rows in every pass).
pub(crate) struct Prepared<'a, T, S: ?Sized> {
    pub(crate) source: &'a S,
    pub(crate) weights: Option<&'a [f64]>,
    pub(crate) shift: Vec<T>,
    /// Squared length of every shifted row.
    pub(crate) norms: Vec<f64>,
    /// Mean variance of the features.
    pub(crate) variance: f64,
    /// Squared distances up to this are rounding: the two rows count as equal.
    pub(crate) negligible: f64,
}

impl<'a, T: Scalar, S: RowSource<T> + ?Sized> Prepared<'a, T, S> {
    /// Checks rows and weights.
    pub(crate) fn new(source: &'a S, weights: Option<&'a [f64]>) -> Result<Self, InputError> {
        let (means, lengths) = means_and_norms(source)?;
        check_weights(weights, source.rows())?;
        let n = lengths.len() as f64;
        let mean_of = |numbers: &[f64]| numbers.iter().sum::<f64>() / n;
        let offset = squared_norm(&means);
        let largest = lengths.iter().copied().fold(0.0, f64::max);
        // Squares that overflow may not do so relative to the mean.
        let central = largest <= T::LARGEST / 64.0 && offset <= mean_of(&lengths) - offset;
        let (shift, norms) = if central {
            (vec![T::default(); means.len()], lengths)
        } else {
            let shift: Vec<T> = means.iter().map(|&m| T::from_f64(m)).collect();
            let norms = squared_norms(source, &shift)?;
            (shift, norms)
        };
        let left = means.iter().zip(&shift).map(|(m, s)| m - s.to_f64());
        let left: f64 = left.map(|d| d * d).sum();
        let variance = (mean_of(&norms) - left).max(0.0) / means.len() as f64;
        let longest = norms.iter().copied().fold(0.0, f64::max) + squared_norm(&shift);
        Ok(Self {
            source,
            weights,
            variance,
            negligible: longest * (16.0 * T::EPSILON) * (16.0 * T::EPSILON),
            shift,
            norms,
        })
    }

    pub(crate) fn dim(&self) -> usize {
        self.shift.len()
    }

    pub(crate) fn rows(&self) -> usize {
        self.norms.len()
    }

    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[row])
    }

    /// An error where fewer rows than clusters have a weight.
    pub(crate) fn check_clusters(&self, clusters: usize) -> Result<(), KMeansError> {
        let rows = match self.weights {
            None => self.rows(),
            Some(w) => w.iter().filter(|&&w| w > 0.0).count(),
        };
        if rows < clusters {
            return Err(KMeansError::FewerRows {
                rows,
                clusters,
                weighted: self.weights.is_some(),
            });
        }
        Ok(())
    }

    /// One row, shifted.
    pub(crate) fn row(&self, index: usize) -> Result<Vec<T>, InputError> {
        let mut row = vec![T::default(); self.dim()];
        self.source.read(index, &mut row)?;
        for (x, &s) in row.iter_mut().zip(&self.shift) {
            *x = *x - s;
        }
        Ok(row)
    }

    /// Rows in the order of `indices`, shifted, `[indices, dim]`.
    pub(crate) fn gather(&self, indices: &[usize], out: &mut [T]) -> Result<(), InputError> {
        let parts = indices.par_chunks(GATHERED);
        let parts = parts.zip(out.par_chunks_mut(GATHERED * self.dim()));
        let results: Vec<Result<(), InputError>> = parts
            .map(|(indices, out)| {
                self.source.gather(indices, out)?;
                for row in out.chunks_exact_mut(self.dim()) {
                    for (x, &s) in row.iter_mut().zip(&self.shift) {
                        *x = *x - s;
                    }
                }
                Ok(())
            })
            .collect();
        results.into_iter().collect()
    }

    pub(crate) fn shifted(&self, centres: &[T]) -> Vec<T> {
        self.moved(centres, |x, s| x - s)
    }

    pub(crate) fn unshifted(&self, centres: &[T]) -> Vec<T> {
        self.moved(centres, |x, s| x + s)
    }

    fn moved(&self, centres: &[T], how: impl Fn(T, T) -> T) -> Vec<T> {
        let shift = self.shift.iter().cycle();
        centres
            .iter()
            .zip(shift)
            .map(|(&x, &s)| how(x, s))
            .collect()
    }
}

/// Which rows are nearest to which centre, and what the next centres are made of.
pub(crate) struct Assignment {
    pub(crate) labels: Vec<u32>,
    /// Weighted sum of the rows of every cluster, `[clusters, dim]`.
    pub(crate) sums: Vec<f64>,
    /// Weight of every cluster.
    pub(crate) mass: Vec<f64>,
    /// Weighted sum of squared distances, by the binomial formula.
    pub(crate) inertia: f64,
}

/// Rows that a thread gathers at a time.
const GATHERED: usize = 64;
struct ChunkSums<T> {
    labels: Vec<u32>,
    /// Sums of rows, then weights, then the inertia.
    sums: Vec<f64>,
    found: Found<T>,
}

/// Assigns every row to its nearest centre.
pub(crate) fn assign<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    centres: &[T],
) -> Result<Assignment, InputError> {
    let dim = rows.dim();
    let centres = Centres::new(centres, dim);
    accumulate(rows, centres.norms.len(), |block, first, found| {
        centres.nearest(block, dim, found);
        for (score, norm) in found.scores.iter_mut().zip(&rows.norms[first..]) {
            *score = (norm + *score).max(0.0);
        }
    })
}

/// Sums over the rows of given labels; the inertia is that of `labels` around `centres`, from exact differences.
pub(crate) fn sums_of<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    labels: &[u32],
    centres: &[T],
) -> Result<Assignment, InputError> {
    let dim = rows.dim();
    accumulate(rows, centres.len() / dim, |block, first, found| {
        found.labels.clear();
        let of_block = &labels[first..first + block.len() / dim];
        found.labels.extend_from_slice(of_block);
        distances(block, of_block, centres, dim, &mut found.scores);
    })
}

/// Squared distances of rows to the centres of their labels, from exact differences.
fn distances<T: Scalar>(
    block: &[T],
    labels: &[u32],
    centres: &[T],
    dim: usize,
    out: &mut Vec<f64>,
) {
    out.clear();
    wide(|| {
        for (row, &label) in block.chunks_exact(dim).zip(labels) {
            let at = label as usize * dim;
            out.push(squared_distance(row, &centres[at..at + dim]));
        }
    });
}

/// The nearest centre to every row, and the inertia around them from exact differences.
pub(crate) fn nearest_and_inertia<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    values: &[T],
) -> Result<(Vec<u32>, f64), InputError> {
    let dim = rows.dim();
    let centres = Centres::new(values, dim);
    let chunks = over_blocks(
        rows.source,
        &rows.shift,
        Plan::new(rows.rows(), dim, 1),
        |n| (Vec::with_capacity(n), 0.0, Found::default()),
        |(labels, inertia, found): &mut (Vec<u32>, f64, Found<T>), first, block: &[T]| {
            centres.nearest(block, dim, found);
            distances(block, &found.labels, values, dim, &mut found.scores);
            for (i, distance) in found.scores.iter().enumerate() {
                *inertia += rows.weight(first + i) * distance;
            }
            labels.extend_from_slice(&found.labels);
            Ok::<_, InputError>(())
        },
    )?;
    let inertia = chunks.iter().map(|chunk| chunk.1).sum();
    let labels = chunks.into_iter().flat_map(|chunk| chunk.0).collect();
    Ok((labels, inertia))
}

/// The inertia of `labels` around `centres`, from exact differences.
pub(crate) fn inertia_of<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    labels: &[u32],
    centres: &[T],
) -> Result<f64, InputError> {
    let dim = rows.dim();
    let chunks = over_blocks(
        rows.source,
        &rows.shift,
        Plan::new(rows.rows(), dim, 1),
        |_| (0.0, Vec::new()),
        |(inertia, scores): &mut (f64, Vec<f64>), first, block: &[T]| {
            let of_block = &labels[first..first + block.len() / dim];
            distances(block, of_block, centres, dim, scores);
            for (i, distance) in scores.iter().enumerate() {
                *inertia += rows.weight(first + i) * distance;
            }
            Ok::<_, InputError>(())
        },
    )?;
    Ok(chunks.iter().map(|chunk| chunk.0).sum())
}

/// One pass that labels rows and adds them up; `label` fills in labels and squared distances of a block.
fn accumulate<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    k: usize,
    label: impl Fn(&[T], usize, &mut Found<T>) + Sync,
) -> Result<Assignment, InputError> {
    let dim = rows.dim();
    let size = k * dim + k + 1;
    let chunks = over_blocks(
        rows.source,
        &rows.shift,
        Plan::new(rows.rows(), dim, size),
        |n| ChunkSums {
            labels: Vec::with_capacity(n),
            sums: vec![0.0; size],
            found: Found::default(),
        },
        |chunk: &mut ChunkSums<T>, first, block: &[T]| {
            label(block, first, &mut chunk.found);
            let Found { labels, scores, .. } = &chunk.found;
            wide(|| {
                for (i, row) in block.chunks_exact(dim).enumerate() {
                    let label = labels[i] as usize;
                    let weight = rows.weight(first + i);
                    let sum = &mut chunk.sums[label * dim..(label + 1) * dim];
                    if weight == 1.0 {
                        add_row(sum, row);
                    } else {
                        for (s, x) in sum.iter_mut().zip(row) {
                            *s += weight * x.to_f64();
                        }
                    }
                    chunk.sums[k * dim + label] += weight;
                    chunk.sums[size - 1] += weight * scores[i];
                }
            });
            chunk.labels.extend_from_slice(&chunk.found.labels);
            Ok::<_, InputError>(())
        },
    )?;
    let mut labels = Vec::with_capacity(rows.rows());
    let mut sums = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        labels.extend(chunk.labels);
        sums.push(chunk.sums);
    }
    let mut sums = add_up(sums);
    let inertia = sums.pop().unwrap_or_default();
    let mass = sums.split_off(k * dim);
    Ok(Assignment {
        labels,
        sums,
        mass,
        inertia,
    })
}

/// New centres: the weighted means. A cluster without weight takes one of the rows that are farthest from their centres, which
/// leaves its own cluster; the farthest row goes to the first such cluster. Without `relocate` it stays where it is.
///
/// # Errors
/// When there are not enough rows away from their centres, that is, too few different rows.
pub(crate) fn new_centres<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    assignment: &mut Assignment,
    centres: &[T],
    relocate: bool,
) -> Result<Vec<T>, KMeansError> {
    let dim = rows.dim();
    let empty: Vec<usize> = (0..assignment.mass.len())
        .filter(|&k| relocate && assignment.mass[k] == 0.0)
        .collect();
    if !empty.is_empty() {
        let far = farthest(rows, &assignment.labels, centres, empty.len())?;
        if far.len() < empty.len() {
            let clusters = assignment.mass.len();
            return Err(KMeansError::FewerDistinctRows {
                distinct: clusters - empty.len() + far.len(),
                clusters,
            });
        }
        for (&cluster, &index) in empty.iter().zip(&far) {
            let weight = rows.weight(index);
            let old = assignment.labels[index] as usize;
            for (j, x) in rows.row(index)?.iter().enumerate() {
                assignment.sums[old * dim + j] -= weight * x.to_f64();
                assignment.sums[cluster * dim + j] = weight * x.to_f64();
            }
            let rest = assignment.mass[old] - weight;
            // What rounding leaves of a cluster whose last row went is no weight.
            assignment.mass[old] = if rest > 1e-9 * weight { rest } else { 0.0 };
            assignment.mass[cluster] = weight;
        }
    }
    let mut result = Vec::with_capacity(centres.len());
    for (k, sum) in assignment.sums.chunks_exact(dim).enumerate() {
        let mass = assignment.mass[k];
        if mass > 0.0 {
            result.extend(sum.iter().map(|s| T::from_f64(s / mass)));
        } else {
            // Not relocated, or its only rows were taken away above: it stays where it was until the next assignment.
            result.extend_from_slice(&centres[k * dim..(k + 1) * dim]);
        }
    }
    Ok(result)
}

/// Up to `count` rows with a weight, farthest from the centre of their label first, equally far ones in order; none on its centre.
fn farthest<T: Scalar, S: RowSource<T> + ?Sized>(
    rows: &Prepared<'_, T, S>,
    labels: &[u32],
    centres: &[T],
    count: usize,
) -> Result<Vec<usize>, InputError> {
    let dim = rows.dim();
    let distances = over_blocks(
        rows.source,
        &rows.shift,
        Plan::new(rows.rows(), dim, 1),
        |_| Vec::new(),
        |distances: &mut Vec<f64>, first, block: &[T]| {
            for (i, row) in block.chunks_exact(dim).enumerate() {
                let label = labels[first + i] as usize;
                distances.push(squared_distance(
                    row,
                    &centres[label * dim..(label + 1) * dim],
                ));
            }
            Ok::<_, InputError>(())
        },
    )?
    .concat();
    let mut order: Vec<usize> = (0..distances.len())
        .filter(|&i| distances[i] > rows.negligible && rows.weight(i) > 0.0)
        .collect();
    order.sort_unstable_by(|&a, &b| distances[b].total_cmp(&distances[a]).then(a.cmp(&b)));
    order.truncate(count);
    Ok(order)
}
