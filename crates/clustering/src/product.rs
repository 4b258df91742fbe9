//! Matrix products over slices: the one place that calls the `gemm` kernels, always on the calling thread alone.

use gemm::Parallelism;

use crate::scalar::Scalar;

/// A borrowed row-major matrix, possibly read as its transpose.
#[derive(Clone, Copy)]
struct View<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// # Panics
    /// When the slice does not hold exactly `rows` times `columns` numbers.
    fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert!(
            rows.checked_mul(columns) == Some(data.len()),
            "{} numbers are no matrix of {rows} x {columns}",
            data.len()
        );
        Self {
            data,
            rows,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// Inner products of every row of `left` (`[n, dim]`) with every row of `right` (`[k, dim]`), into `out` (`[n, k]`).
///
/// # Panics
/// When the lengths do not fit.
pub(crate) fn inner_products<T: Scalar>(left: &[T], right: &[T], dim: usize, out: &mut [T]) {
    let n = left.len() / dim;
    let k = right.len() / dim;
    multiply(
        View::new(left, n, dim),
        View::new(right, k, dim).transposed(),
        out,
        false,
    );
}

/// As [`inner_products`] with `right` transposed, `[dim, k]`: what many products have in common is then read in the order of memory.
///
/// # Panics
/// When the lengths do not fit.
pub(crate) fn inner_products_with_columns<T: Scalar>(
    left: &[T],
    right: &[T],
    dim: usize,
    out: &mut [T],
) {
    let n = left.len() / dim;
    let k = right.len() / dim;
    multiply(
        View::new(left, n, dim),
        View::new(right, dim, k),
        out,
        false,
    );
}

/// `out += rowsᵀ rows` for `rows` of `[n, dim]` and `out` of `[dim, dim]`.
///
/// # Panics
/// When the lengths do not fit.
pub(crate) fn add_gram(rows: &[f64], dim: usize, out: &mut [f64]) {
    let rows = View::new(rows, rows.len() / dim, dim);
    multiply(rows.transposed(), rows, out, true);
}

/// `out = left right`, or `out += left right`.
fn multiply<T: Scalar>(left: View<'_, T>, right: View<'_, T>, out: &mut [T], accumulate: bool) {
    assert!(
        left.columns == right.rows && left.rows.checked_mul(right.columns) == Some(out.len()),
        "a product of {}x{} and {}x{} does not fit {} numbers",
        left.rows,
        left.columns,
        right.rows,
        right.columns,
        out.len()
    );
    if out.is_empty() {
        return;
    }
    let one = T::from_f64(1.0);
    // SAFETY: `View::new` checked that each slice holds exactly rows x columns numbers, and its strides are those of a contiguous
    // matrix or of its transpose, so every address formed from them lies inside the slice; `out` was checked to be a contiguous
    // matrix of the result's shape and is borrowed exclusively. Lengths of slices fit `isize`, and so do the strides.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr(),
            1,
            right.columns as isize,
            accumulate,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            one,
            one,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f64> {
        (0..n)
            .map(|i| ((i * 37) % 101) as f64 / 50.0 - 1.0)
            .collect()
    }

    #[test]
    fn products_against_the_definition() {
        for (n, k, dim) in [(1, 1, 1), (3, 2, 5), (17, 64, 7), (130, 33, 48)] {
            let left = numbers(n * dim);
            let right = numbers(k * dim + 3)[3..].to_vec();
            let mut out = vec![f64::NAN; n * k];
            inner_products(&left, &right, dim, &mut out);
            let columns: Vec<f64> = (0..dim * k).map(|i| right[i % k * dim + i / k]).collect();
            let mut same = vec![f64::NAN; n * k];
            inner_products_with_columns(&left, &columns, dim, &mut same);
            let narrow = |v: &[f64]| v.iter().map(|&x| x as f32).collect::<Vec<_>>();
            let mut single = vec![f32::NAN; n * k];
            inner_products(&narrow(&left), &narrow(&right), dim, &mut single);
            for i in 0..n {
                for j in 0..k {
                    let wanted: f64 = (0..dim)
                        .map(|d| left[i * dim + d] * right[j * dim + d])
                        .sum();
                    assert!((out[i * k + j] - wanted).abs() < 1e-12);
                    assert!((same[i * k + j] - wanted).abs() < 1e-12);
                    assert!((f64::from(single[i * k + j]) - wanted).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn gram_accumulates() {
        let (n, dim) = (29, 11);
        let rows = numbers(n * dim);
        let mut out = vec![1.0; dim * dim];
        add_gram(&rows, dim, &mut out);
        for i in 0..dim {
            for j in 0..dim {
                let wanted: f64 = (0..n).map(|r| rows[r * dim + i] * rows[r * dim + j]).sum();
                assert!((out[i * dim + j] - 1.0 - wanted).abs() < 1e-12);
            }
        }
    }

    #[test]
    #[should_panic(expected = "no matrix")]
    fn a_ragged_table_is_refused() {
        inner_products(&[0.0f32; 7], &[0.0; 6], 3, &mut [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_wrong_result_is_refused() {
        inner_products(&[0.0f32; 6], &[0.0; 6], 3, &mut [0.0; 3]);
    }
}
