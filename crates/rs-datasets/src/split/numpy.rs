//! Splits that were drawn in Python by scikit-learn's `train_test_split`: published protocols state only the seed, so the draw
//! itself has to be repeated.
//!
//! The generator is MT19937 (Matsumoto & Nishimura 1998) as numpy's legacy `RandomState` seeds it, and the permutation is its
//! Fisher-Yates shuffle with masked rejection.

/// Words of the generator's state.
const WORDS: usize = 624;
/// The word that is mixed in.
const MIDDLE: usize = 397;

/// MT19937 as `numpy.random.RandomState(seed)` holds it.
struct Twister {
    words: [u32; WORDS],
    next: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut words = [0u32; WORDS];
        words[0] = seed;
        for at in 1..WORDS {
            let last = words[at - 1];
            words[at] = 1_812_433_253u32
                .wrapping_mul(last ^ (last >> 30))
                .wrapping_add(at as u32);
        }
        Self { words, next: WORDS }
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            for at in 0..WORDS {
                let joined =
                    (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % WORDS] & 0x7fff_ffff);
                let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.words[at] = self.words[(at + MIDDLE) % WORDS] ^ (joined >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.words[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A whole number from 0 to `most`, both included.
    fn up_to(&mut self, most: u32) -> u32 {
        if most == 0 {
            return 0;
        }
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let value = self.word() & mask;
            if value <= most {
                return value;
            }
        }
    }
}

/// `numpy.random.RandomState(seed).permutation(n)`; `n` is at most 2^32.
pub fn numpy_permutation(n: usize, seed: u32) -> Vec<usize> {
    let mut twister = Twister::new(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for at in (1..n).rev() {
        let other = twister.up_to(u32::try_from(at).unwrap_or(u32::MAX));
        order.swap(at, other as usize);
    }
    order
}

/// Which of `n` rows are in the first and in the second part of
/// `sklearn.model_selection.train_test_split(range(n), test_size=share, random_state=seed)`: training rows, test rows, both in the
/// order in which they were drawn. The test part has `ceil(share n)` rows, the training part `floor((1 - share) n)`.
pub fn train_test_split(n: usize, share: f64, seed: u32) -> (Vec<usize>, Vec<usize>) {
    let order = numpy_permutation(n, seed);
    let test = ((share * n as f64).ceil().max(0.0) as usize).min(n);
    // scikit-learn takes the complement of the test share, which rounding cannot make overlap.
    let (test, train) = order.split_at(test);
    (train.to_vec(), test.to_vec())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        n: usize,
        share: f64,
        seed: u32,
        permutation: Vec<usize>,
        train: Option<Vec<usize>>,
        val: Option<Vec<usize>>,
    }

    #[test]
    fn the_draws_are_those_of_numpy_and_scikit_learn() {
        #[derive(Deserialize)]
        struct Golden {
            cases: Vec<Case>,
        }
        let text = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/golden/rs-datasets/sklearn_split.json"
        ));
        let golden: Golden = serde_json::from_str(text).unwrap();
        assert!(golden.cases.len() >= 5);
        for case in golden.cases {
            let name = format!("{} {} {}", case.n, case.share, case.seed);
            assert_eq!(
                numpy_permutation(case.n, case.seed),
                case.permutation,
                "{name}"
            );
            if let (Some(train), Some(val)) = (case.train, case.val) {
                let found = train_test_split(case.n, case.share, case.seed);
                assert_eq!(found, (train, val), "{name}");
            }
        }
        assert!(numpy_permutation(0, 1).is_empty());
    }
}
