//! Passes over rows that were clustered: means of the clusters, and the silhouette of a sample.

use rs_peft::clustering::rows::RowSource;
use rs_peft::clustering::{InputError, silhouette};
use rs_peft::rs_datasets::{below, stream};

/// Numbers that are read at a time.
const BLOCK: usize = 1 << 20;

/// The mean of every cluster's rows, `[clusters, dim]`, summed in f64 in the order of the rows; of a cluster without rows what `empty` has there.
pub(super) fn means(
    rows: &dyn RowSource<f32>,
    labels: &[Option<u32>],
    clusters: usize,
    empty: Option<&[f32]>,
) -> Result<Vec<f32>, InputError> {
    let dim = rows.dim();
    let mut sums = vec![0.0f64; clusters * dim];
    let mut counts = vec![0usize; clusters];
    let at_a_time = (BLOCK / dim).max(1);
    let mut block = vec![0.0f32; at_a_time.min(rows.rows()) * dim];
    for first in (0..rows.rows()).step_by(at_a_time) {
        let count = at_a_time.min(rows.rows() - first);
        let block = &mut block[..count * dim];
        rows.read(first, block)?;
        for (row, label) in block.chunks_exact(dim).zip(&labels[first..]) {
            let Some(cluster) = label.map(|label| label as usize) else {
                continue;
            };
            counts[cluster] += 1;
            let sum = &mut sums[cluster * dim..(cluster + 1) * dim];
            sum.iter_mut()
                .zip(row)
                .for_each(|(sum, x)| *sum += f64::from(*x));
        }
    }
    let mean = |at: usize| match (counts[at / dim], empty) {
        (0, Some(empty)) => empty[at],
        (count, _) => (sums[at] / count.max(1) as f64) as f32,
    };
    Ok((0..sums.len()).map(mean).collect())
}

/// The silhouette of up to `most` rows, and how many there were; nothing for `most` 0, or where fewer than two clusters are among them.
pub(super) fn silhouette_of_sample(
    rows: &dyn RowSource<f32>,
    labels: &[Option<u32>],
    most: usize,
    seed: u64,
) -> Result<Option<(f64, usize)>, InputError> {
    if most == 0 {
        return Ok(None);
    }
    // Every row has the same chance to be among them (Vitter's algorithm R).
    let mut rng = stream(&["silhouette", &seed.to_string()]);
    let mut drawn: Vec<usize> = (0..rows.rows().min(most)).collect();
    for row in drawn.len()..rows.rows() {
        let place = below(&mut rng, row + 1);
        if let Some(kept) = drawn.get_mut(place) {
            *kept = row;
        }
    }
    drawn.sort_unstable();
    let mut values = vec![0.0f32; drawn.len() * rows.dim()];
    rows.gather(&drawn, &mut values)?;
    let of_drawn: Vec<Option<u32>> = drawn.iter().map(|&row| labels[row]).collect();
    let found = silhouette(&values, rows.dim(), &of_drawn)?;
    Ok(found.map(|found| (found, drawn.len())))
}
