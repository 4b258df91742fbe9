//! Exponential and normal distribution function in single precision, written so that compilers vectorise them.
//!
//! No fused multiply-add and no table: the same operations run on every processor, so results are the same bits everywhere.

use std::f32::consts::LOG2_E;

/// Runs `f` compiled for the widest vectors of the processor.
#[inline]
pub(crate) fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// Adding it rounds a float below 2^22 to an integer, kept in the low bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, the first short enough for exact products with exponents.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// `e^x` for `x <= 88`, relative error below 2e-7; below -87 it stays at `e^-87`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // Least-squares fit of e^r in relative error on |r| <= ln 2 / 2; 2e-9 off before rounding.
    let p = 0.001_382_822_8;
    let p = p * r + 0.008_375_599;
    let p = p * r + 0.041_668_426;
    let p = p * r + 0.166_664_11;
    let p = p * r + 0.499_999_9;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    p * f32::from_bits(exponent.wrapping_add(127) << 23)
}

/// Standard normal distribution function `Φ(x)` and `e^{-x²/2}`; relative error of `Φ` below 2e-6 also far in the lower tail.
#[inline(always)]
pub(crate) fn normal(x: f32) -> (f32, f32) {
    let a = x.abs();
    // Not `min`, which would turn NaN into 13.
    let a = if a > 13.0 { 13.0 } else { a };
    let bell = exp(-0.5 * a * a);
    // e^{a²/2} (1 - Φ(a)) as a polynomial in 1 / (1 + 0.3 a): least squares in relative error on [0, 14], 7e-8 off.
    let t = 1.0 / (1.0 + 0.3 * a);
    let q = 0.038_863_145;
    let q = q * t - 0.171_407_24;
    let q = q * t + 0.233_035_7;
    let q = q * t - 0.081_204_15;
    let q = q * t + 0.145_558_7;
    let q = q * t + 0.093_493_11;
    let q = q * t + 0.122_199_67;
    let q = q * t + 0.119_452_044;
    let q = q * t + 9.061_147e-6;
    let tail = bell * q;
    (if x > 0.0 { 1.0 - tail } else { tail }, bell)
}

/// Sum of `f(a, b)` over two slices of one length, in sixteen interleaved partial sums: an order that does not depend on the
/// processor.
#[inline(always)]
pub(crate) fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let (a_rest, b_rest) = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..16 {
            lanes[lane] += f(a[lane], b[lane]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(*a, *b);
    }
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
    }
    lanes[0]
}

/// The largest number of a slice, NaN left out; minus infinity for none.
#[inline(always)]
pub(crate) fn largest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = values.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..16 {
            lanes[lane] = larger(lanes[lane], chunk[lane]);
        }
    }
    let top = lanes.into_iter().fold(f32::NEG_INFINITY, larger);
    rest.iter().copied().fold(top, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_against_double_precision() {
        let worst = (-86_990..88_000)
            .map(|i| i as f32 * 1e-3)
            .map(|x| ((exp(x) as f64) / (x as f64).exp() - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(worst < 2e-7, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    /// Values of scipy.special.ndtr 1.16.
    #[test]
    fn normal_distribution_against_scipy() {
        let table: [(f32, f64); 9] = [
            (-10.0, 7.61985302416047e-24),
            (-5.0, 2.866515718791933e-07),
            (-2.5, 0.006209665325776132),
            (-1.0, 0.15865525393145707),
            (-0.1, 0.460172162722971),
            (0.0, 0.5),
            (0.5, 0.6914624612740131),
            (2.0, 0.9772498680518208),
            (6.0, 0.9999999990134123),
        ];
        for (x, expected) in table {
            let (found, bell) = normal(x);
            assert!((found as f64 / expected - 1.0).abs() < 2e-6, "{x}: {found}");
            let exact = (-0.5 * x as f64 * x as f64).exp();
            assert!((bell as f64 / exact - 1.0).abs() < 5e-6, "{x}: {bell}");
        }
    }

    #[test]
    fn not_a_number_stays_one() {
        assert!(exp(f32::NAN).is_nan());
        assert!(normal(f32::NAN).1.is_nan());
    }

    #[test]
    fn sums_have_every_term_once() {
        for n in [0, 1, 15, 16, 17, 40] {
            let terms: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(sum(&terms, &terms, |a, _| a), (0..n).sum::<usize>() as f32);
        }
    }

    #[test]
    fn the_largest_is_found_anywhere() {
        assert_eq!(largest(&[]), f32::NEG_INFINITY);
        for n in [1, 16, 37] {
            for at in 0..n {
                let mut values = vec![-2.0; n];
                values[at] = -1.0;
                values[(at + 1) % n] = if n > 1 { f32::NAN } else { -1.0 };
                assert_eq!(largest(&values), -1.0);
            }
        }
    }
}
