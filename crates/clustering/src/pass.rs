//! One pass over all rows: blocks in parallel, sums in an order that does not depend on the number of threads.
//!
//! Rows are cut into chunks, chunks into blocks. A chunk is worked on by one thread from its first block to its last; what the chunks
//! found is combined in their order. Both sizes follow from the shape of the table alone, so the same table gives the same bits
//! on one thread and on sixty-four.

use rayon::prelude::*;

use crate::error::InputError;
use crate::rows::RowSource;
use crate::scalar::Scalar;
use crate::vectors::wide;

/// Numbers per block: 512 KiB in f32, which stays in the second-level cache beside the centres.
const BLOCK_NUMBERS: usize = 1 << 17;
/// Chunks per pass: enough for any number of threads to be busy.
const MOST_CHUNKS: usize = 64;
/// The sums of all chunks together are at most this part of the numbers of the table (but for the least number of chunks): they are
/// cleared, filled and added up in every pass.
const SUM_PART: usize = 32;
/// Chunks there are at least, as far as there are blocks.
const LEAST_CHUNKS: usize = 4;
/// Sums longer than this are added up by several threads.
const WORTH_THREADS: usize = 1 << 14;
/// Bytes for the sums of all chunks together.
const SUM_BYTES: usize = 256 << 20;

/// How rows are cut up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    rows: usize,
    dim: usize,
    block_rows: usize,
    chunk_rows: usize,
}

impl Plan {
    /// For a pass that keeps `sums` f64 numbers per chunk.
    pub(crate) fn new(rows: usize, dim: usize, sums: usize) -> Self {
        let block_rows = (BLOCK_NUMBERS / dim / 8 * 8).clamp(8, 4096);
        let affordable = SUM_BYTES / sums.saturating_mul(8).max(1);
        let worth = rows.saturating_mul(dim) / SUM_PART / sums.max(1);
        let chunks = affordable.min(worth).clamp(LEAST_CHUNKS, MOST_CHUNKS);
        let blocks = rows.div_ceil(block_rows);
        Self {
            rows,
            dim,
            block_rows,
            chunk_rows: blocks.div_ceil(chunks).max(1) * block_rows,
        }
    }

    /// The largest number of rows that a block has.
    pub(crate) fn block_rows(&self) -> usize {
        self.block_rows.min(self.rows)
    }

    /// Rows `first..end` of every chunk.
    pub(crate) fn chunks(&self) -> Vec<(usize, usize)> {
        (0..self.rows)
            .step_by(self.chunk_rows)
            .map(|first| (first, (first + self.chunk_rows).min(self.rows)))
            .collect()
    }
}

/// Runs `each(state, first row, block)` over all blocks of all chunks; returns the states of the chunks in their order.
///
/// `block` holds the rows minus `shift`, row-major; where all of `shift` is 0 and the rows lie in memory, it is a part of them.
///
/// # Errors
/// The error of the first block in the order of rows that has one.
pub(crate) fn over_blocks<
    T: Scalar,
    S: RowSource<T> + ?Sized,
    A: Send,
    E: From<InputError> + Send,
>(
    source: &S,
    shift: &[T],
    plan: Plan,
    start: impl Fn(usize) -> A + Sync,
    each: impl Fn(&mut A, usize, &[T]) -> Result<(), E> + Sync,
) -> Result<Vec<A>, E> {
    let shifted = shift.iter().any(|&s| s != T::default());
    let resident = source.resident().filter(|_| !shifted);
    let chunk = |(first, end): (usize, usize)| {
        let mut state = start(end - first);
        if let Some(all) = resident {
            for at in (first..end).step_by(plan.block_rows) {
                let until = (at + plan.block_rows).min(end);
                each(&mut state, at, &all[at * plan.dim..until * plan.dim])?;
            }
            return Ok(state);
        }
        let mut buffer = vec![T::default(); plan.block_rows().min(end - first) * plan.dim];
        let mut at = first;
        while at < end {
            let rows = plan.block_rows.min(end - at);
            let block = &mut buffer[..rows * plan.dim];
            source.read(at, block)?;
            if shifted {
                for row in block.chunks_exact_mut(plan.dim) {
                    for (x, &s) in row.iter_mut().zip(shift) {
                        *x = *x - s;
                    }
                }
            }
            each(&mut state, at, block)?;
            at += rows;
        }
        Ok(state)
    };
    let results: Vec<Result<A, E>> = plan.chunks().into_par_iter().map(chunk).collect();
    results.into_iter().collect()
}

/// Adds the sums of all chunks in their order.
pub(crate) fn add_up(sums: impl IntoIterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut sums = sums.into_iter();
    let mut total = sums.next().unwrap_or_default();
    let rest: Vec<Vec<f64>> = sums.collect();
    let add = |(part, total): (usize, &mut [f64])| {
        let first = part * WORTH_THREADS;
        for next in &rest {
            wide(|| {
                for (t, n) in total.iter_mut().zip(&next[first..]) {
                    *t += n;
                }
            });
        }
    };
    // Every sum is formed in the same order, whoever forms it.
    if total.len() > WORTH_THREADS {
        let parts = total.par_chunks_mut(WORTH_THREADS);
        parts.enumerate().for_each(add);
    } else {
        add((0, &mut total));
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Matrix;

    #[test]
    fn every_row_is_seen_once_and_in_order() {
        for rows in [1, 7, 8, 9, 1000, 20_001] {
            for dim in [1, 3, 40_000] {
                let rows = if dim > 3 { rows.min(40) } else { rows };
                let data: Vec<f32> = (0..rows * dim).map(|i| (i / dim) as f32).collect();
                let source = Matrix::new(&data, dim).unwrap();
                let plan = Plan::new(rows, dim, 1);
                let seen = over_blocks(
                    &source,
                    &vec![1.0; dim],
                    plan,
                    |_| Vec::new(),
                    |seen: &mut Vec<f32>, first, block: &[f32]| {
                        assert_eq!(block[0], first as f32 - 1.0);
                        seen.extend(block.iter().step_by(dim));
                        Ok::<_, InputError>(())
                    },
                )
                .unwrap()
                .concat();
                let wanted: Vec<f32> = (0..rows).map(|i| i as f32 - 1.0).collect();
                assert_eq!(seen, wanted);
            }
        }
    }

    #[test]
    fn long_sums_are_those_of_short_ones() {
        let size = 2 * WORTH_THREADS + 5;
        let sums: Vec<Vec<f64>> = (0..5)
            .map(|c| (0..size).map(|i| 0.1 * (c * i) as f64).collect())
            .collect();
        let total = add_up(sums.clone());
        assert_eq!(total.len(), size);
        for (i, found) in total.iter().enumerate() {
            let alone = add_up(sums.iter().map(|s| vec![s[i]]));
            assert_eq!([*found], alone[..]);
        }
    }

    #[test]
    fn chunks_are_bounded() {
        assert!(Plan::new(10_000_000, 768, 32 * 768).chunks().len() <= MOST_CHUNKS);
        assert!(Plan::new(10_000_000, 768, 10_000 * 768).chunks().len() <= 4);
    }
}
