//! Wilcoxon's signed-rank test: do paired differences lean to one side?

use super::standard_normal_tail;

/// Pairs up to which the exact null distribution is computed.
const EXACT_UP_TO: usize = 100;

/// Result of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// Sum of the ranks of the positive differences.
    pub positive_ranks: f64,
    /// Sum of the ranks of the negative differences.
    pub negative_ranks: f64,
    /// Two-sided p-value.
    pub p_value: f64,
    /// Whether it comes from the exact null distribution rather than from its normal approximation.
    pub exact: bool,
}

/// Wilcoxon's test (1945) of `differences` being symmetric around 0. Zeros are dropped, ties share their mean rank. Up to 100
/// pairs the null distribution is exact (given the ties); above, normal with the tie correction and no continuity correction.
/// `None` when no difference is left, or one is not finite.
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Option<SignedRank> {
    if differences.iter().any(|d| !d.is_finite()) {
        return None;
    }
    let mut sorted: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let n = sorted.len();
    if n == 0 {
        return None;
    }
    // Twice the mean rank of each difference: always an integer, which the exact distribution needs.
    let mut doubled = vec![0usize; n];
    let mut tie_term = 0.0;
    let mut start = 0;
    while start < n {
        let end = start
            + sorted[start..]
                .iter()
                .take_while(|d| d.abs() == sorted[start].abs())
                .count();
        doubled[start..end].fill(start + 1 + end);
        let ties = (end - start) as f64;
        tie_term += ties.powi(3) - ties;
        start = end;
    }
    let sum = |keep: fn(f64) -> bool| -> usize {
        sorted
            .iter()
            .zip(&doubled)
            .filter(|(d, _)| keep(**d))
            .map(|(_, rank)| rank)
            .sum()
    };
    let (positive, negative) = (sum(|d| d > 0.0), sum(|d| d < 0.0));
    let smaller = positive.min(negative);
    let exact = n <= EXACT_UP_TO;
    let p_value = if exact {
        (2.0 * lower_tail(&doubled, smaller)).min(1.0)
    } else {
        let count = n as f64;
        let mean = count * (count + 1.0) / 4.0;
        let variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - tie_term / 48.0;
        (2.0 * standard_normal_tail((mean - 0.5 * smaller as f64).max(0.0) / variance.sqrt()))
            .min(1.0)
    };
    Some(SignedRank {
        positive_ranks: 0.5 * positive as f64,
        negative_ranks: 0.5 * negative as f64,
        p_value,
        exact,
    })
}

/// P(sum <= limit) when each rank counts with probability 1/2: the distribution of the sum, one rank at a time.
fn lower_tail(ranks: &[usize], limit: usize) -> f64 {
    let mut probability = vec![0.0; limit + 1];
    probability[0] = 1.0;
    for &rank in ranks {
        for sum in (0..=limit).rev() {
            let with = if sum >= rank {
                probability[sum - rank]
            } else {
                0.0
            };
            probability[sum] = 0.5 * (probability[sum] + with);
        }
    }
    probability.iter().sum()
}
