//! Name patterns with `*`, and the nearest names for messages.

/// Whether `name` matches `pattern`, in which `*` stands for any run of characters, dots included.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    // `split` gives at least one part.
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The up to three names nearest to `pattern` by edit distance, joined by commas.
pub(crate) fn nearest<'a>(pattern: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut ranked: Vec<(usize, &str)> = names.map(|n| (edit_distance(pattern, n), n)).collect();
    ranked.sort();
    ranked.truncate(3);
    let names: Vec<&str> = ranked.into_iter().map(|(_, n)| n).collect();
    names.join(", ")
}

/// Levenshtein distance in bytes.
fn edit_distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_stands_for_any_run() {
        for (pattern, name, expected) in [
            ("*", "a.b", true),
            ("head.*", "head.linear.weight", true),
            ("head.*", "heads.linear", false),
            ("*.bias", "blocks.0.fc1.bias", true),
            ("*.bias", "bias", false),
            ("blocks.*.fc*.weight", "blocks.11.mlp.fc2.weight", true),
            ("blocks.*.fc*.weight", "blocks.11.mlp.fc2.bias", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn nearest_names_come_first() {
        let names = ["adapter.a", "head.linear.weight", "head.linear.bias", "z"];
        let found = nearest("heads.linear.weight", names.into_iter());
        assert!(
            found.starts_with("head.linear.weight, head.linear.bias"),
            "{found}"
        );
    }
}
