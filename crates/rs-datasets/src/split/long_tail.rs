//! Long-tailed training sets with an exponential profile.

use super::{LabelTable, Split, key};
use crate::DataError;

/// How to make a training part long-tailed.
#[derive(Clone, Debug, PartialEq)]
pub struct LongTail {
    /// Ratio of the largest to the smallest class, at least 1.
    pub imbalance_factor: f64,
    /// Samples of the largest class; `None` for the most that the data allows.
    pub n_max: Option<usize>,
    /// Class indices from head to tail; `None` for an order drawn by the seed.
    pub order: Option<Vec<usize>>,
}

/// Sizes from head to tail: n_i = n_max * ir^(-i / (C - 1)) for i = 0..C, rounded half up, at least 1 (Cui et al. 2019, section
/// 5.1, with the ratio ir of largest to smallest). One class alone has n_max.
pub fn long_tail_counts(n_max: usize, imbalance_factor: f64, classes: usize) -> Vec<usize> {
    (0..classes)
        .map(|i| {
            ((n_max as f64 * decay(imbalance_factor, i, classes) + 0.5).floor() as usize).max(1)
        })
        .collect()
}

/// ir^(-i / (C - 1)).
fn decay(imbalance_factor: f64, i: usize, classes: usize) -> f64 {
    if classes < 2 {
        1.0
    } else {
        imbalance_factor.powf(-(i as f64) / (classes - 1) as f64)
    }
}

impl Split {
    /// The split with a long-tailed `part`: the i-th class of the order keeps n_i = n_max * ir^(-i / (C - 1)) samples
    /// ([`long_tail_counts`]), the first in key order under `seed`. The other parts stay.
    ///
    /// The order from head to tail is [`LongTail::order`], or the classes sorted by SHA-256 of `{seed}:class:{name}`. The
    /// default n_max is the largest for which every class has enough samples.
    ///
    /// # Errors
    /// [`DataError::Setting`] when the factor is below 1 or not finite, n_max is 0, or the order is not a permutation of the
    /// classes; [`DataError::TooFew`] when a class has fewer samples than its place asks for; as [`Split::class_counts`].
    pub fn long_tail(
        &self,
        part: &str,
        table: &LabelTable,
        profile: &LongTail,
        seed: u64,
    ) -> Result<Self, DataError> {
        let bad = |detail: String| DataError::Setting {
            what: "long tail".into(),
            detail,
        };
        let ir = profile.imbalance_factor;
        if !(ir.is_finite() && ir >= 1.0) {
            return Err(bad(format!(
                "imbalance factor {ir}; expected a number of at least 1"
            )));
        }
        let classes = table.classes().len();
        let order = match &profile.order {
            Some(order) => order.clone(),
            None => class_order(table.classes(), seed),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted != (0..classes).collect::<Vec<_>>() {
            return Err(bad(format!(
                "order {order:?}; expected each class index from 0 to {} once",
                classes - 1
            )));
        }
        let available = self.class_counts(part, table)?;
        let n_max = match profile.n_max {
            Some(0) => return Err(bad("n_max is 0; expected at least 1".into())),
            Some(n_max) => n_max,
            None => largest_head(&order, &available, ir),
        };
        let mut take = vec![0; classes];
        for (count, &class) in long_tail_counts(n_max, ir, classes).into_iter().zip(&order) {
            take[class] = count;
        }
        let names: Vec<String> = order.iter().map(usize::to_string).collect();
        let rule = format!(
            "long tail of {part} n_max={n_max} ir={ir} order={} seed={seed}",
            names.join(",")
        );
        self.take(part, table, &take, seed, &rule)
    }
}

/// Classes from head to tail under a seed: sorted by SHA-256 of `{seed}:class:{name}`.
fn class_order(classes: &[String], seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_cached_key(|&class| {
        (
            key::digest(seed, &format!("class:{}", classes[class])),
            class,
        )
    });
    order
}

/// The largest n_max whose profile every class can fill.
fn largest_head(order: &[usize], available: &[usize], ir: f64) -> usize {
    let fits = |n: usize| {
        long_tail_counts(n, ir, order.len())
            .iter()
            .zip(order)
            .all(|(&count, &class)| count <= available[class])
    };
    // Sizes grow with n_max, so bisection applies; 1 is tried anyway and reports the empty class.
    let (mut low, mut high) = (1usize, available.iter().copied().max().unwrap_or(0) + 1);
    while low + 1 < high {
        let middle = (low + high) / 2;
        if fits(middle) {
            low = middle
        } else {
            high = middle
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_published_one() {
        assert_eq!(
            long_tail_counts(1000, 50.0, 10),
            [1000, 647, 419, 271, 176, 114, 74, 48, 31, 20]
        );
        assert_eq!(
            long_tail_counts(1000, 100.0, 10),
            [1000, 599, 359, 215, 129, 77, 46, 28, 17, 10]
        );
        assert_eq!(long_tail_counts(7, 10.0, 1), [7]);
        assert_eq!(long_tail_counts(2, 1000.0, 3), [2, 1, 1]);
    }
}
