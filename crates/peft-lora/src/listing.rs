//! Lists of names in messages: a few in full, the rest as a count; and the names nearest to a mistyped one.

use std::fmt;

/// How many names a message shows before it only counts.
const SHOWN: usize = 6;

/// Displays names as `` `a`, `b` and 3 more``, or `none`.
pub(crate) struct Listing<'a>(pub(crate) &'a [String]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (i, name) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{name}`", if i == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The `count` candidates nearest to `name` by edit distance, nearest first; ties keep the candidates' order.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    count: usize,
) -> Vec<String> {
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|c| (edit_distance(name, c), c))
        .collect();
    scored.sort_by_key(|&(distance, _)| distance);
    scored
        .into_iter()
        .take(count)
        .map(|(_, c)| c.to_owned())
        .collect()
}

/// Levenshtein distance in characters. Names are short; a very long one is compared by its first 200 characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(200).collect();
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_of_known_pairs() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("qkv", "qkv"), 0);
    }

    #[test]
    fn nearest_comes_first() {
        assert_eq!(
            nearest("atn.qvk", ["mlp.fc1", "attn.proj", "attn.qkv"], 1),
            ["attn.qkv"]
        );
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = (0..8).map(|i| i.to_string()).collect();
        assert_eq!(
            Listing(&names).to_string(),
            "`0`, `1`, `2`, `3`, `4`, `5` and 2 more"
        );
        assert_eq!(Listing(&[]).to_string(), "none");
    }
}
