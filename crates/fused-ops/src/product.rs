//! Matrix products on strided views of slices: a checked front of the `gemm` crate.

use gemm::Parallelism;

/// A read-only matrix: element `(i, j)` at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows that start `row_stride` apart, each contiguous.
    ///
    /// # Panics
    /// When the last element is outside the slice.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        check(data.len(), rows, columns, row_stride);
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// A contiguous matrix.
    pub(crate) fn dense(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, columns)
    }

    /// The transpose, without a copy.
    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// A matrix to write: rows that start `row_stride` apart, each contiguous and none overlapping the next.
pub(crate) struct ViewMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> ViewMut<'a> {
    /// # Panics
    /// When the last element is outside the slice, or rows overlap.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        check(data.len(), rows, columns, row_stride);
        assert!(rows <= 1 || row_stride >= columns, "rows overlap");
        Self {
            data,
            rows,
            columns,
            row_stride,
        }
    }

    /// A contiguous matrix.
    pub(crate) fn dense(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, columns)
    }

    /// `self = factor * left * right`, or `self += factor * left * right` when `accumulate`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub(crate) fn product(
        self,
        accumulate: bool,
        factor: f32,
        left: View<'_>,
        right: View<'_>,
        threads: Threads,
    ) {
        assert!(
            (left.rows, left.columns, right.columns) == (self.rows, right.rows, self.columns),
            "a product of {}x{} and {}x{} is not {}x{}",
            left.rows,
            left.columns,
            right.rows,
            right.columns,
            self.rows,
            self.columns,
        );
        if self.rows == 0 || self.columns == 0 {
            return;
        }
        let parallelism = match threads {
            Threads::One => Parallelism::None,
            Threads::All => Parallelism::Rayon(0),
        };
        // SAFETY: the constructors checked that the last element of each view lies inside its slice, so every address that
        // `gemm` forms from the strides does too; the rows of `self` do not overlap; the slices are borrowed for the call,
        // `self`'s exclusively. Strides are below the slice lengths, so they fit `isize`.
        unsafe {
            gemm::gemm(
                self.rows,
                self.columns,
                left.columns,
                self.data.as_mut_ptr(),
                1,
                self.row_stride as isize,
                accumulate,
                left.data.as_ptr(),
                left.column_stride as isize,
                left.row_stride as isize,
                right.data.as_ptr(),
                right.column_stride as isize,
                right.row_stride as isize,
                1.0f32,
                factor,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
}

/// Who computes a product.
#[derive(Clone, Copy)]
pub(crate) enum Threads {
    /// The calling thread, which is one of several at work.
    One,
    /// All threads of the pool.
    All,
}

fn check(length: usize, rows: usize, columns: usize, row_stride: usize) {
    let end = match (rows, columns) {
        (0, _) | (_, 0) => Some(0),
        _ => (rows - 1)
            .checked_mul(row_stride)
            .and_then(|start| start.checked_add(columns)),
    };
    assert!(
        end.is_some_and(|end| end <= length),
        "a matrix of {rows} x {columns} with row stride {row_stride} does not fit {length} numbers"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(left: View<'_>, right: View<'_>) -> Vec<f32> {
        let at = |v: &View<'_>, i: usize, j: usize| {
            v.data[i * v.row_stride + j * v.column_stride] as f64
        };
        let mut result = Vec::new();
        for i in 0..left.rows {
            for j in 0..right.columns {
                let sum: f64 = (0..left.columns)
                    .map(|k| at(&left, i, k) * at(&right, k, j))
                    .sum();
                result.push(sum as f32);
            }
        }
        result
    }

    /// Every combination of strided and transposed views gives the naive product and writes nothing between the rows.
    #[test]
    fn strided_views_against_the_definition() {
        let numbers: Vec<f32> = (0..4000)
            .map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0)
            .collect();
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (17, 64, 17), (33, 7, 40)] {
            for transposed in [false, true] {
                let left = View::new(&numbers[3..], m, k, k + 5);
                let right = if transposed {
                    View::new(&numbers[11..], n, k, k + 1).transposed()
                } else {
                    View::new(&numbers[11..], k, n, n + 3)
                };
                let expected = naive(left, right);
                for threads in [Threads::One, Threads::All] {
                    for accumulate in [false, true] {
                        let stride = n + 4;
                        let mut found = vec![1.0; m * stride];
                        ViewMut::new(&mut found, m, n, stride)
                            .product(accumulate, 0.5, left, right, threads);
                        for i in 0..m {
                            for j in 0..stride {
                                let value = found[i * stride + j];
                                let wanted = match (j < n, accumulate) {
                                    (false, _) => 1.0,
                                    (true, false) => 0.5 * expected[i * n + j],
                                    (true, true) => 1.0 + 0.5 * expected[i * n + j],
                                };
                                assert!((value - wanted).abs() < 1e-4, "{i} {j}: {value} {wanted}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_view_beyond_its_slice_is_refused() {
        View::new(&[0.0; 10], 3, 4, 4);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_size_that_overflows_is_refused() {
        View::new(&[0.0; 10], usize::MAX, 4, 4);
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn overlapping_rows_are_refused() {
        ViewMut::new(&mut [0.0; 10], 2, 4, 3);
    }

    #[test]
    #[should_panic(expected = "is not")]
    fn shapes_must_fit() {
        let data = [0.0; 16];
        ViewMut::dense(&mut [0.0; 16], 4, 4).product(
            false,
            1.0,
            View::dense(&data, 4, 2),
            View::dense(&data, 3, 4),
            Threads::One,
        );
    }
}
