//! What an average over classes does with a class that has no samples.

use serde::{Deserialize, Serialize};

/// Which classes an average over classes runs over.
///
/// The three choices differ only when a class of the list is absent from the test set, which small or long-tailed test sets
/// make common. A score that is 0/0 for a class that *does* take part counts as 0 (scikit-learn's `zero_division=0`).
/// A class index declared as the ignore label never takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbsentClasses {
    /// Average over the classes that occur among the true *or* predicted labels: scikit-learn with `labels=None`. A class
    /// that is predicted but never true takes part, with F1 = 0.
    SkipUnseen,
    /// Average over the classes that have at least one true sample: what balanced accuracy does.
    SkipWithoutTruth,
    /// Average over the whole class list; an absent class counts 0: scikit-learn with `labels=range(C), zero_division=0`,
    /// and the mIoU of PANGAEA.
    CountAsZero,
}

impl AbsentClasses {
    /// Whether a class with `support` true samples and `predicted` predictions takes part in the average.
    pub fn includes(self, support: u64, predicted: u64) -> bool {
        match self {
            Self::SkipUnseen => support > 0 || predicted > 0,
            Self::SkipWithoutTruth => support > 0,
            Self::CountAsZero => true,
        }
    }
}
