//! How many samples of each class a part takes: the largest-remainder method.

/// Numbers of samples per class for a part of `fraction`, at most `free[c]` of class `c`.
///
/// The total is `floor(fraction * n + 0.5)`, n the sum of `counts`, or all that is free when that is less. Class c first takes
/// `floor(fraction * counts[c])`; the seats that are left go one each to the classes with the largest remainders
/// (`fraction * counts[c]` minus its floor), ties to the lower class index. All in IEEE double precision.
pub fn shares(counts: &[usize], free: &[usize], fraction: f64) -> Vec<usize> {
    let quota: Vec<f64> = counts
        .iter()
        .map(|&count| fraction * count as f64)
        .collect();
    let mut taken: Vec<usize> = quota
        .iter()
        .zip(free)
        .map(|(q, &free)| (q.floor() as usize).min(free))
        .collect();
    let total: usize = counts.iter().sum();
    let wanted = ((fraction * total as f64 + 0.5).floor() as usize).min(free.iter().sum());
    let mut order: Vec<usize> = (0..counts.len()).collect();
    // Stable, so that ties keep the class order; `total_cmp` because a remainder is never NaN for finite fractions.
    order.sort_by(|&a, &b| quota[b].fract().total_cmp(&quota[a].fract()));
    let mut missing = wanted.saturating_sub(taken.iter().sum());
    while missing > 0 {
        let before = missing;
        for &class in &order {
            if missing > 0 && taken[class] < free[class] {
                taken[class] += 1;
                missing -= 1;
            }
        }
        // `wanted` never exceeds what is free, so a round without progress cannot happen; stop rather than spin.
        if missing == before {
            break;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_remainders_get_the_seats() {
        assert_eq!(shares(&[10, 20, 30], &[10, 20, 30], 0.25), [3, 5, 7]);
        assert_eq!(shares(&[3, 3, 3], &[3, 3, 3], 0.5), [2, 2, 1]);
        assert_eq!(shares(&[4, 1], &[1, 1], 1.0), [1, 1]);
        assert_eq!(shares(&[], &[], 0.5), Vec::<usize>::new());
    }
}
