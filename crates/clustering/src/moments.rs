//! Means, variances and squared norms of rows, in f64, and the check that every number is finite.

use crate::error::InputError;
use crate::pass::{Plan, add_up, over_blocks};
use crate::rows::RowSource;
use crate::scalar::Scalar;
use crate::vectors::wide;

/// Mean of every feature.
///
/// # Errors
/// When a feature is NaN or infinite, there is no row, or the source cannot be read.
pub(crate) fn means<T: Scalar, S: RowSource<T> + ?Sized>(
    source: &S,
) -> Result<Vec<f64>, InputError> {
    Ok(sums_and(source, |_: &mut (), _| ())?.0)
}

/// Mean of every feature and squared length of every row, which is infinite where it overflows, in one pass.
///
/// # Errors
/// As [`means`].
pub(crate) fn means_and_norms<T: Scalar, S: RowSource<T> + ?Sized>(
    source: &S,
) -> Result<(Vec<f64>, Vec<f64>), InputError> {
    let (means, norms) = sums_and(source, |norms: &mut Vec<f64>, row| {
        norms.push(squared_norm(row));
    })?;
    Ok((means, norms.concat()))
}

/// Mean of every feature, and what `each` gathers from the rows of the chunks.
fn sums_and<T: Scalar, S: RowSource<T> + ?Sized, A: Default + Send>(
    source: &S,
    each: impl Fn(&mut A, &[T]) + Sync,
) -> Result<(Vec<f64>, Vec<A>), InputError> {
    let (rows, dim) = (source.rows(), source.dim());
    if rows == 0 || dim == 0 {
        return Err(InputError::Empty { rows, dim });
    }
    let chunks = over_blocks(
        source,
        &[],
        Plan::new(rows, dim, dim),
        |_| (vec![0.0; dim], A::default()),
        |(sums, gathered): &mut (Vec<f64>, A), first, block: &[T]| {
            wide(|| {
                for row in block.chunks_exact(dim) {
                    add_row(sums, row);
                    each(gathered, row);
                }
            });
            // A number that is not finite leaves its mark in the sum, so the block is searched only then.
            if sums.iter().all(|s| s.is_finite()) {
                return Ok(());
            }
            match block.iter().position(|x| !x.is_finite()) {
                Some(at) => Err(InputError::NonFinite {
                    row: first + at / dim,
                    column: at % dim,
                    value: block[at].to_f64(),
                }),
                None => Err(InputError::Range { row: first }),
            }
        },
    )?;
    let (sums, gathered): (Vec<_>, Vec<_>) = chunks.into_iter().unzip();
    let means = add_up(sums).into_iter().map(|s| s / rows as f64);
    Ok((means.collect(), gathered))
}

/// `sum += row`, in f64.
#[inline(always)]
pub(crate) fn add_row<T: Scalar>(sum: &mut [f64], row: &[T]) {
    for (s, x) in sum.iter_mut().zip(row) {
        *s += x.to_f64();
    }
}

/// Variance of every feature, divided by the number of rows, by the two-pass formula with its correction term.
///
/// # Errors
/// When squares overflow, or the source cannot be read.
pub(crate) fn variances<T: Scalar, S: RowSource<T> + ?Sized>(
    source: &S,
    means: &[f64],
) -> Result<Vec<f64>, InputError> {
    let (rows, dim) = (source.rows(), source.dim());
    let sums = over_blocks(
        source,
        &[],
        Plan::new(rows, dim, 2 * dim),
        |_| vec![0.0; 2 * dim],
        |sums: &mut Vec<f64>, first, block: &[T]| {
            let (squares, rest) = sums.split_at_mut(dim);
            wide(|| {
                for row in block.chunks_exact(dim) {
                    let sums = squares.iter_mut().zip(rest.iter_mut());
                    for ((square, rest), (&x, mean)) in sums.zip(row.iter().zip(means)) {
                        let d = x.to_f64() - mean;
                        *square += d * d;
                        *rest += d;
                    }
                }
            });
            if squares.iter().all(|s| s.is_finite()) {
                Ok(())
            } else {
                Err(InputError::Range { row: first })
            }
        },
    )?;
    let sums = add_up(sums);
    let n = rows as f64;
    Ok((0..dim)
        .map(|j| ((sums[j] - sums[dim + j] * sums[dim + j] / n) / n).max(0.0))
        .collect())
}

/// Squared length of every row minus `shift`.
///
/// # Errors
/// When a squared length comes near the largest number of `T`, so that distances would not be finite.
pub(crate) fn squared_norms<T: Scalar, S: RowSource<T> + ?Sized>(
    source: &S,
    shift: &[T],
) -> Result<Vec<f64>, InputError> {
    let (rows, dim) = (source.rows(), source.dim());
    let norms = over_blocks(
        source,
        shift,
        Plan::new(rows, dim, 1),
        |_| Vec::new(),
        |norms: &mut Vec<f64>, first, block: &[T]| {
            for (i, row) in block.chunks_exact(dim).enumerate() {
                let norm = wide(|| squared_norm(row));
                if norm.is_nan() || norm > T::LARGEST / 64.0 {
                    return Err(InputError::Range { row: first + i });
                }
                norms.push(norm);
            }
            Ok(())
        },
    )?;
    Ok(norms.concat())
}

/// `‖x‖²` in f64, eight partial sums so that it vectorises.
#[inline(always)]
pub(crate) fn squared_norm<T: Scalar>(x: &[T]) -> f64 {
    let mut lanes = [0.0; 8];
    let chunks = x.chunks_exact(8);
    let rest: f64 = chunks
        .remainder()
        .iter()
        .map(|v| v.to_f64() * v.to_f64())
        .sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v.to_f64() * v.to_f64();
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// `‖x − y‖²` in f64 from the differences, exact to rounding however close the two are.
#[inline(always)]
pub(crate) fn squared_distance<T: Scalar>(x: &[T], y: &[T]) -> f64 {
    let mut lanes = [0.0; 8];
    let (xs, ys) = (x.chunks_exact(8), y.chunks_exact(8));
    let square = |a: &T, b: &T| {
        let d = a.to_f64() - b.to_f64();
        d * d
    };
    let rest: f64 = xs
        .remainder()
        .iter()
        .zip(ys.remainder())
        .map(|(a, b)| square(a, b))
        .sum();
    for (xs, ys) in xs.zip(ys) {
        for (lane, (a, b)) in lanes.iter_mut().zip(xs.iter().zip(ys)) {
            *lane += square(a, b);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Matrix;

    #[test]
    fn moments_of_a_small_table() {
        let data = [1.0f32, 10.0, 3.0, 10.0, 5.0, 10.0];
        let table = Matrix::new(&data, 2).unwrap();
        let mean = means(&table).unwrap();
        assert_eq!(mean, [3.0, 10.0]);
        let variance = variances(&table, &mean).unwrap();
        assert!((variance[0] - 8.0 / 3.0).abs() < 1e-15 && variance[1] == 0.0);
        assert_eq!(
            squared_norms(&table, &[1.0, 10.0]).unwrap(),
            [0.0, 4.0, 16.0]
        );
    }

    #[test]
    fn the_first_number_that_is_not_finite_is_named() {
        let mut data = vec![0.0f64; 30_000];
        data[20_001] = f64::NAN;
        data[29_000] = f64::INFINITY;
        let error = means(&Matrix::new(&data, 2).unwrap()).unwrap_err();
        assert!(matches!(
            error,
            InputError::NonFinite {
                row: 10_000,
                column: 1,
                ..
            }
        ));
    }

    #[test]
    fn lengths_that_overflow_are_refused() {
        let data = [1.0f32, 2.0, 1e19, -1e19];
        let error = squared_norms(&Matrix::new(&data, 2).unwrap(), &[0.0; 2]).unwrap_err();
        assert!(matches!(error, InputError::Range { row: 1 }));
        let data = [1e308f64, 1e308];
        let error = means(&Matrix::new(&data, 1).unwrap()).unwrap_err();
        assert!(matches!(error, InputError::Range { .. }));
    }

    #[test]
    fn lanes_and_remainder_add_up() {
        let x: Vec<f64> = (0..19).map(f64::from).collect();
        let y: Vec<f64> = (0..19).map(|i| f64::from(i) * 0.5).collect();
        assert_eq!(squared_norm(&x), 2109.0);
        assert_eq!(squared_distance(&x, &y), 2109.0 / 4.0);
    }
}
