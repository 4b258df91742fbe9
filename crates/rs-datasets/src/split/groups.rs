//! Splits that keep samples of one group (one scene, one ship) in one part.

use super::stratified::{check_fractions, rule};
use super::{LabelTable, Split, key};
use crate::DataError;

/// A split into named fractions in which no group is divided, with the class shares as even as that allows.
///
/// Greedy and language independent: groups are taken by (size, largest first; SHA-256 of `{seed}:{group}`; group). Each goes to
/// the part that leaves the smallest sum over parts p and classes c of (n_pc - f_p n_c)^2, ties to the earlier part. When the
/// fractions sum to less than 1 the rest is a part of its own that is dropped.
///
/// # Errors
/// [`DataError::Setting`] for bad fractions or a table without groups; [`DataError::Split`] when a part comes out empty.
pub fn stratified_groups(
    table: &LabelTable,
    name: &str,
    parts: &[(&str, f64)],
    seed: u64,
) -> Result<Split, DataError> {
    let exhausts = check_fractions(parts)?;
    let mut groups = table.groups()?;
    groups.sort_by_cached_key(|(group, rows)| {
        (
            std::cmp::Reverse(rows.len()),
            key::digest(seed, group),
            group.to_string(),
        )
    });
    let counts = table.counts();
    let mut fractions: Vec<f64> = parts.iter().map(|(_, fraction)| *fraction).collect();
    if !exhausts {
        fractions.push(1.0 - fractions.iter().sum::<f64>());
    }
    let wanted = |part: usize, class: usize| fractions[part] * counts[class] as f64;
    let mut filled = vec![vec![0f64; counts.len()]; fractions.len()];
    let mut ids: Vec<Vec<String>> = vec![Vec::new(); fractions.len()];
    for (_, rows) in groups {
        let mut added = vec![0f64; counts.len()];
        rows.iter()
            .for_each(|&row| added[table.class_at(row)] += 1.0);
        // Only the part that takes the group changes its term, so comparing the changes is enough.
        let change = |part: usize| -> f64 {
            (0..counts.len())
                .map(|class| {
                    let gap = filled[part][class] - wanted(part, class);
                    (gap + added[class]).powi(2) - gap.powi(2)
                })
                .sum()
        };
        let mut best = 0;
        for part in 1..fractions.len() {
            if change(part) < change(best) {
                best = part;
            }
        }
        (0..counts.len()).for_each(|class| filled[best][class] += added[class]);
        ids[best].extend(rows.iter().map(|&row| table.ids()[row].clone()));
    }
    let named = parts
        .iter()
        .zip(ids)
        .map(|((part, _), ids)| (part.to_string(), ids))
        .collect();
    Split::new(
        name,
        &rule("stratified groups sha256-v1", parts),
        Some(seed),
        named,
    )
}
