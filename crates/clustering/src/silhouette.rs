//! The silhouette of a clustering (Rousseeuw 1987): how much nearer rows are to their own cluster than to the next one.

use rayon::prelude::*;

use crate::error::InputError;
use crate::moments::squared_distance;
use crate::rows::{Matrix, RowSource};
use crate::scalar::Scalar;

/// The mean over the rows of `(b − a) / max(a, b)`: `a` is the mean Euclidean distance to the other rows of the cluster, `b` the least mean distance
/// to the rows of another one. A row that is alone in its cluster counts as 0, as in scikit-learn; rows without a label (noise) take no part.
///
/// `rows` is `[labels, dim]` row-major. From −1 to 1; `None` where fewer than two clusters have rows. Time grows with the square of the number of
/// rows, so a sample of a large table is the usual input. The result does not depend on the number of threads.
///
/// # Errors
/// When the table is empty or ragged, or there is not one label per row.
pub fn silhouette<T: Scalar>(
    rows: &[T],
    dim: usize,
    labels: &[Option<u32>],
) -> Result<Option<f64>, InputError> {
    let found = Matrix::new(rows, dim)?.rows();
    if found != labels.len() {
        return Err(InputError::Length {
            what: "the list of labels",
            expected: format!("{found}, one per row"),
            found: labels.len(),
        });
    }
    let kept: Vec<(usize, usize)> = labels
        .iter()
        .enumerate()
        .filter_map(|(row, label)| Some((row, (*label)? as usize)))
        .collect();
    // Labels may be any numbers; only those that occur need room.
    let mut names: Vec<usize> = kept.iter().map(|(_, label)| *label).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 {
        return Ok(None);
    }
    let place = |label: usize| names.partition_point(|&name| name < label);
    let members: Vec<(usize, usize)> = kept.iter().map(|&(r, l)| (r, place(l))).collect();
    let mut sizes = vec![0usize; names.len()];
    members.iter().for_each(|&(_, cluster)| sizes[cluster] += 1);
    let row = |index: usize| &rows[index * dim..(index + 1) * dim];
    let of_row = |&(index, own): &(usize, usize)| -> f64 {
        if sizes[own] == 1 {
            return 0.0;
        }
        let mut sums = vec![0.0; sizes.len()];
        for &(other, cluster) in &members {
            sums[cluster] += squared_distance(row(index), row(other)).sqrt();
        }
        let inside = sums[own] / (sizes[own] - 1) as f64;
        let outside = (0..sizes.len())
            .filter(|&cluster| cluster != own)
            .map(|cluster| sums[cluster] / sizes[cluster] as f64)
            .fold(f64::INFINITY, f64::min);
        let larger = inside.max(outside);
        if larger > 0.0 {
            (outside - inside) / larger
        } else {
            0.0
        }
    };
    // Collected and added in order.
    let values: Vec<f64> = members.par_iter().map(of_row).collect();
    Ok(Some(values.iter().sum::<f64>() / values.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn against_the_definition_by_hand() {
        // 0 and 1 against 4 and 6, and 5 as noise.
        let rows = [0.0f64, 1.0, 5.0, 4.0, 6.0];
        let labels = [Some(3), Some(3), None, Some(7), Some(7)];
        // a = 1, 1, 2, 2; b = 5, 4, 3.5, 5.5.
        let wanted = (4.0 / 5.0 + 3.0 / 4.0 + 1.5 / 3.5 + 3.5 / 5.5) / 4.0;
        let found = silhouette(&rows, 1, &labels).unwrap().unwrap();
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
    }

    #[test]
    fn a_lone_row_counts_nothing_and_one_cluster_has_none() {
        let rows = [0.0f32, 1.0, 10.0];
        let found = silhouette(&rows, 1, &[Some(0), Some(0), Some(1)]).unwrap();
        // (10 - 1) / 10, (9 - 1) / 9, 0.
        assert!((found.unwrap() - (0.9 + 8.0 / 9.0) / 3.0).abs() < 1e-12);
        assert_eq!(silhouette(&rows, 1, &[Some(0); 3]).unwrap(), None);
        assert_eq!(silhouette(&rows, 1, &[None; 3]).unwrap(), None);
        assert!(silhouette(&rows, 1, &[None; 2]).is_err());
        let same = silhouette(&[1.0f32; 4], 1, &[Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!(same.unwrap(), Some(0.0));
    }
}
