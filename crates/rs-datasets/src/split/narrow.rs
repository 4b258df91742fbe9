//! Smaller training sets: a fraction of the labels, or k per class.

use std::collections::HashSet;

use super::{LabelTable, Split, shares};
use crate::DataError;

impl Split {
    /// The split with only `fraction` of the labels of `part`, stratified: [`shares`](fn@shares) of each class but at least one
    /// sample, the first in key order under `seed`. The other parts stay.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `fraction` is not in (0, 1]; [`DataError::TooFew`] when a class of the table has no sample in
    /// the part; as [`Split::class_counts`].
    pub fn label_fraction(
        &self,
        part: &str,
        table: &LabelTable,
        fraction: f64,
        seed: u64,
    ) -> Result<Self, DataError> {
        if !(fraction > 0.0 && fraction <= 1.0) {
            return Err(DataError::Setting {
                what: "label fraction".into(),
                detail: format!("{fraction} is not above 0 and at most 1"),
            });
        }
        let counts = self.class_counts(part, table)?;
        let mut take = shares(&counts, &counts, fraction);
        take.iter_mut().for_each(|count| *count = (*count).max(1));
        self.take(
            part,
            table,
            &take,
            seed,
            &format!("label fraction of {part}={fraction} seed={seed}"),
        )
    }

    /// The split with `k` samples per class in `part`, the first in key order under `seed`. The other parts stay.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `k` is 0; [`DataError::TooFew`] when a class has fewer; as [`Split::class_counts`].
    pub fn k_shot(
        &self,
        part: &str,
        table: &LabelTable,
        k: usize,
        seed: u64,
    ) -> Result<Self, DataError> {
        if k == 0 {
            return Err(DataError::Setting {
                what: "k-shot".into(),
                detail: "k must be at least 1".into(),
            });
        }
        let take = vec![k; table.classes().len()];
        self.take(
            part,
            table,
            &take,
            seed,
            &format!("k-shot of {part}={k} seed={seed}"),
        )
    }

    /// The split with `k` samples per class in `part`, as [`k_shot`](Self::k_shot), and the part's other samples in a new part
    /// `rest`: a balanced test set, and what is left of the hold-out for validation.
    ///
    /// # Errors
    /// As [`k_shot`](Self::k_shot); [`DataError::Split`] when nothing is left or `rest` is the name of a part.
    pub fn k_shot_with_rest(
        &self,
        part: &str,
        rest: &str,
        table: &LabelTable,
        k: usize,
        seed: u64,
    ) -> Result<Self, DataError> {
        let narrowed = self.k_shot(part, table, k, seed)?;
        let kept: HashSet<&String> = narrowed.part(part)?.iter().collect();
        let left = self.part(part)?.iter().filter(|id| !kept.contains(id));
        let left = left.cloned().collect();
        let parts = narrowed.parts().map(|(name, ids)| (name, ids.to_vec()));
        let parts = parts.map(|(name, ids)| (name.to_owned(), ids));
        Self::new(
            narrowed.name(),
            &format!("{}; the rest in {rest}", narrowed.rule()),
            narrowed.seed(),
            parts.chain([(rest.to_owned(), left)]).collect(),
        )
    }

    /// The split with `take[c]` samples of class c in `part`.
    pub(super) fn take(
        &self,
        part: &str,
        table: &LabelTable,
        take: &[usize],
        seed: u64,
        rule: &str,
    ) -> Result<Self, DataError> {
        let members: HashSet<&str> = self.part(part)?.iter().map(String::as_str).collect();
        let mut ids = Vec::new();
        for (class, keyed) in table.keyed(seed).into_iter().enumerate() {
            let available: Vec<&str> = keyed
                .into_iter()
                .filter(|id| members.contains(id))
                .collect();
            if available.len() < take[class] {
                return Err(DataError::TooFew {
                    class: table.classes()[class].clone(),
                    available: available.len(),
                    wanted: take[class],
                    purpose: rule.into(),
                });
            }
            ids.extend(available[..take[class]].iter().map(|&id| id.to_owned()));
        }
        self.narrowed(part, ids, rule)
    }
}
