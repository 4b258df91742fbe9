//! Stratified splits by the hash rule.

use super::{LabelTable, Split, shares};
use crate::DataError;

/// A stratified split into named fractions, e.g. `[("train", 0.7), ("test", 0.3)]`.
///
/// Parts are filled in the given order: of each class, part k takes the next [`shares`](fn@shares) ids in key order. When the
/// fractions sum to 1 (within 1e-9) the last part takes everything that is left, otherwise the rest belongs to no part.
///
/// # Errors
/// [`DataError::Setting`] when a fraction is not in 0..=1 or they sum to more than 1; [`DataError::TooFew`] when a class of
/// the table has no sample; [`DataError::Split`] when a part comes out empty.
pub fn stratified(
    table: &LabelTable,
    name: &str,
    parts: &[(&str, f64)],
    seed: u64,
) -> Result<Split, DataError> {
    let exhausts = check_fractions(parts)?;
    let counts = table.counts();
    if let Some(empty) = counts.iter().position(|&count| count == 0) {
        return Err(DataError::TooFew {
            class: table.classes()[empty].clone(),
            available: 0,
            wanted: 1,
            purpose: "a stratified split".into(),
        });
    }
    let keyed = table.keyed(seed);
    let mut used = vec![0usize; counts.len()];
    let mut result = Vec::with_capacity(parts.len());
    for (index, &(part, fraction)) in parts.iter().enumerate() {
        let free: Vec<usize> = counts
            .iter()
            .zip(&used)
            .map(|(count, used)| count - used)
            .collect();
        let last = index + 1 == parts.len();
        let take = if last && exhausts {
            free
        } else {
            shares(&counts, &free, fraction)
        };
        let mut ids = Vec::with_capacity(take.iter().sum());
        for class in 0..counts.len() {
            let chosen = &keyed[class][used[class]..used[class] + take[class]];
            ids.extend(chosen.iter().map(|&id| id.to_owned()));
            used[class] += take[class];
        }
        result.push((part.to_owned(), ids));
    }
    Split::new(
        name,
        &rule("stratified sha256-v1", parts),
        Some(seed),
        result,
    )
}

/// Independent stratified splits with the seeds `first_seed..first_seed + repeats`.
///
/// # Errors
/// As [`stratified`].
pub fn repeated_stratified(
    table: &LabelTable,
    name: &str,
    parts: &[(&str, f64)],
    first_seed: u64,
    repeats: u64,
) -> Result<Vec<Split>, DataError> {
    (first_seed..first_seed.saturating_add(repeats))
        .map(|seed| stratified(table, name, parts, seed))
        .collect()
}

/// Whether the fractions, each within 0..=1, sum to 1.
pub(super) fn check_fractions(parts: &[(&str, f64)]) -> Result<bool, DataError> {
    let bad = |detail| {
        Err(DataError::Setting {
            what: "split fractions".into(),
            detail,
        })
    };
    for (part, fraction) in parts {
        if !(*fraction > 0.0 && *fraction <= 1.0) {
            return bad(format!(
                "`{part}` is {fraction}; expected more than 0 and at most 1"
            ));
        }
    }
    let sum: f64 = parts.iter().map(|(_, fraction)| fraction).sum();
    if sum > 1.0 + 1e-9 {
        return bad(format!("they sum to {sum}; expected at most 1"));
    }
    Ok((sum - 1.0).abs() <= 1e-9)
}

/// A rule with its fractions in words.
pub(super) fn rule(name: &str, parts: &[(&str, f64)]) -> String {
    let fractions: Vec<String> = parts
        .iter()
        .map(|(part, fraction)| format!("{part}={fraction}"))
        .collect();
    format!("{name} {}", fractions.join(" "))
}
