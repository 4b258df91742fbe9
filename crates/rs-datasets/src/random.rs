//! Random streams that depend on names, not on threads or on the version of a library.
//!
//! A stream is ChaCha8 keyed by the SHA-256 of the words that identify it. The draws below are written out, so that a release
//! of a random-number crate cannot change which samples a seed means.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// The stream of the given words: ChaCha8 keyed by SHA-256 of the words joined by `:`.
pub fn stream(words: &[&str]) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key.copy_from_slice(&Sha256::digest(words.join(":").as_bytes()));
    ChaCha8Rng::from_seed(key)
}

/// The stream of sample `id` in epoch `epoch`, the same on every thread.
///
/// `occurrence` counts how often the sample came up before in the same epoch (sampling with replacement); 0 for the first.
pub fn sample_stream(seed: u64, epoch: u64, id: &str, occurrence: u64) -> ChaCha8Rng {
    stream(&[
        "sample",
        &seed.to_string(),
        &epoch.to_string(),
        &occurrence.to_string(),
        id,
    ])
}

/// Uniform in `0.0..1.0` with 53 random bits.
pub fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Uniform in `low..high`.
pub(crate) fn uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * unit(rng)
}

/// Uniform in `0..n`; 0 when `n` is 0. The bias of the multiplication is below n / 2^64.
pub fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Standard normal (Box-Muller).
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    // 1 - u lies in (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(rng)).cos()
}

/// Fisher-Yates.
pub(crate) fn shuffle<T>(rng: &mut ChaCha8Rng, values: &mut [T]) {
    for last in (1..values.len()).rev() {
        values.swap(last, below(rng, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_every_word_and_repeat() {
        let draw = |seed, epoch, id, k| sample_stream(seed, epoch, id, k).next_u64();
        assert_eq!(draw(1, 2, "a", 0), draw(1, 2, "a", 0));
        for other in [
            draw(2, 2, "a", 0),
            draw(1, 3, "a", 0),
            draw(1, 2, "b", 0),
            draw(1, 2, "a", 1),
        ] {
            assert_ne!(draw(1, 2, "a", 0), other);
        }
    }

    #[test]
    fn draws_have_the_right_moments() {
        let mut rng = stream(&["moments"]);
        let n = 20_000;
        let normals: Vec<f64> = (0..n).map(|_| normal(&mut rng)).collect();
        let mean = normals.iter().sum::<f64>() / n as f64;
        let variance = normals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05,
            "{mean} {variance}"
        );
        let mut seen = [0usize; 7];
        (0..n).for_each(|_| seen[below(&mut rng, 7)] += 1);
        assert!(
            seen.iter().all(|&count| count.abs_diff(n / 7) < 300),
            "{seen:?}"
        );
    }
}
