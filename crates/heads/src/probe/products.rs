//! Matrix products over slices: the one place that calls the `gemm` kernels.

/// A borrowed row-major matrix, possibly read as its transpose.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// `data` as `[rows, cols]`, row-major.
    pub(crate) fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        assert_eq!(
            data.len(),
            rows * cols,
            "a matrix view covers its slice exactly"
        );
        Self {
            data,
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// The same numbers read as `[cols, rows]`.
    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

/// Element types that the kernels know.
pub(crate) trait Real: Copy + 'static {
    const ZERO: Self;
    const ONE: Self;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
}

/// `out = a · b`, with `out` row-major `[a.rows, b.cols]`; single-threaded, callers parallelise over blocks.
pub(crate) fn multiply<T: Real>(a: View<T>, b: View<T>, out: &mut [T]) {
    assert_eq!(a.cols, b.rows, "inner dimensions agree");
    assert_eq!(out.len(), a.rows * b.cols, "the output has the outer shape");
    // SAFETY: every view's strides address exactly `rows * cols` elements of its slice (checked in `View::new` and kept
    // by `transposed`); `out` is a distinct mutable slice of `a.rows * b.cols` elements (checked above) addressed
    // row-major; `T` is f32 or f64, which the kernels support; `read_dst` is false, so `out` is only written.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out.as_mut_ptr(),
            1,
            b.cols as isize,
            false,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            T::ZERO,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(i: usize) -> f64 {
        ((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0
    }

    proptest! {
        #[test]
        fn equals_the_triple_loop(m in 1_usize..20, n in 1_usize..20, k in 1_usize..20, ta: bool, tb: bool) {
            let a: Vec<f64> = (0..m * k).map(number).collect();
            let b: Vec<f64> = (0..k * n).map(|i| number(i + 5000)).collect();
            let va = if ta { View::new(&a, k, m).transposed() } else { View::new(&a, m, k) };
            let vb = if tb { View::new(&b, n, k).transposed() } else { View::new(&b, k, n) };
            // Poison the output: the kernel must overwrite it, not add to it.
            let mut out = vec![f64::NAN; m * n];
            multiply(va, vb, &mut out);
            for i in 0..m {
                for j in 0..n {
                    let want: f64 = (0..k)
                        .map(|p| {
                            let x = if ta { a[p * m + i] } else { a[i * k + p] };
                            let y = if tb { b[j * k + p] } else { b[p * n + j] };
                            x * y
                        })
                        .sum();
                    prop_assert!((out[i * n + j] - want).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "inner dimensions agree")]
    fn refuses_shapes_that_do_not_fit() {
        multiply(
            View::new(&[1.0_f32; 6], 2, 3),
            View::new(&[1.0; 4], 2, 2),
            &mut [0.0; 4],
        );
    }
}
