//! Draws from the caller's generator, written out, so that a release of a random-number crate cannot change what a seed means.

use rand::RngCore;

/// Uniform in `0.0..1.0` with 53 random bits.
pub(crate) fn unit(rng: &mut impl RngCore) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Uniform in `0..n`; 0 when `n` is 0. The bias of the multiplication is below n / 2^64.
pub(crate) fn below(rng: &mut impl RngCore, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// `count` different numbers of `0..n` in the order of drawing (Floyd's method): memory of the size of the draw.
pub(crate) fn distinct(rng: &mut impl RngCore, n: usize, count: usize) -> Vec<usize> {
    let mut seen = std::collections::HashSet::with_capacity(count);
    let mut drawn = Vec::with_capacity(count);
    for top in n - count..n {
        let candidate = below(rng, top + 1);
        let chosen = if seen.contains(&candidate) {
            top
        } else {
            candidate
        };
        seen.insert(chosen);
        drawn.push(chosen);
    }
    drawn
}

/// Draws indices in proportion to weights.
pub(crate) struct Weighted {
    cumulative: Vec<f64>,
}

impl Weighted {
    /// From weights that are finite and not negative; `None` where their sum is 0.
    pub(crate) fn new(weights: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sum = 0.0;
        let cumulative: Vec<f64> = weights
            .map(|w| {
                sum += w;
                sum
            })
            .collect();
        (sum > 0.0).then_some(Self { cumulative })
    }

    /// An index whose weight is not 0.
    pub(crate) fn draw(&self, rng: &mut impl RngCore) -> usize {
        let total = self.cumulative[self.cumulative.len() - 1];
        let target = unit(rng) * total;
        let index = self.cumulative.partition_point(|&c| c <= target);
        // Rounding may give `target == total`; the first index that reaches the total has a weight above 0.
        index.min(self.cumulative.partition_point(|&c| c < total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    #[test]
    fn distinct_numbers_cover_the_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (n, count) in [(1, 1), (5, 5), (100, 7), (3, 0)] {
            let mut drawn = distinct(&mut rng, n, count);
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), count);
            assert!(drawn.iter().all(|&i| i < n));
        }
    }

    #[test]
    fn weighted_draws_follow_the_weights() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let weighted = Weighted::new([0.0, 3.0, 0.0, 1.0, 0.0].into_iter()).unwrap();
        let mut counts = [0; 5];
        for _ in 0..4000 {
            counts[weighted.draw(&mut rng)] += 1;
        }
        assert_eq!((counts[0], counts[2], counts[4]), (0, 0, 0));
        assert!((2850..3150).contains(&counts[1]), "{counts:?}");
        assert!(Weighted::new([0.0; 3].into_iter()).is_none());
    }
}
