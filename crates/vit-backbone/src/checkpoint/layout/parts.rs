//! Tensors that other namings keep in parts, joined to the fused ones of the model.

use std::collections::BTreeMap;

use super::super::container::{Container, Entry, Part};
use super::Named;

/// The end of a name of the model, and the ends of its parts in order.
const JOINED: [(&str, &[&str]); 5] = [
    (
        "attn.qkv.weight",
        &["attn.q.weight", "attn.k.weight", "attn.v.weight"],
    ),
    (
        "attn.qkv.bias",
        &["attn.q.bias", "attn.k.bias", "attn.v.bias"],
    ),
    ("mlp.fc1.weight", &["mlp.gate.weight", "mlp.value.weight"]),
    ("mlp.fc1.bias", &["mlp.gate.bias", "mlp.value.bias"]),
    // An MLP without a gate in a naming that has one.
    ("mlp.fc1", &["mlp.value"]),
];

/// The only part that may be absent: keys without a bias beside queries and values with one. Then it is zero.
const MAY_BE_ABSENT: &str = "attn.k.bias";

/// The end of a name that holds a factor for each number of another.
const MASK: (&str, &str) = ("attn.qkv.bias_mask", "attn.qkv.bias");

/// Joins what the file keeps in parts and sets masks apart. A part that does not fit the others stays where it is, so that
/// the comparison names it.
pub(super) fn join(named: &mut Named, file: &mut Container) {
    for (whole, parts) in JOINED {
        let first = parts[0];
        let stems: Vec<String> = named
            .names
            .keys()
            .filter_map(|name| stem(name, first))
            .collect();
        for (stem, rest) in stems.iter().map(|stem| split(stem)) {
            let names: Vec<String> = parts
                .iter()
                .map(|part| format!("{stem}{part}{rest}"))
                .collect();
            let Some((key, entry)) = joined(&names, &named.names, file) else {
                continue;
            };
            for name in &names {
                named.names.remove(name);
            }
            named
                .names
                .insert(format!("{stem}{whole}{rest}"), key.clone());
            file.entries.insert(key, entry);
        }
    }
    let masks: Vec<String> = named
        .names
        .keys()
        .filter(|name| name.ends_with(MASK.0))
        .cloned()
        .collect();
    for mask in masks {
        let target = format!("{}{}", mask.trim_end_matches(MASK.0), MASK.1);
        let entry = named.names.get(&mask).and_then(|key| file.entries.get(key));
        if let Some(entry) = entry.filter(|_| named.names.contains_key(&target)) {
            named.factors.insert(target, entry.clone());
            named.names.remove(&mask);
        }
    }
}

/// What stands around `part` in a name, as `stem` or `stem|rest`: `blocks.3.|.weight` for a part without its own ending.
fn stem(name: &str, part: &str) -> Option<String> {
    if let Some(stem) = name.strip_suffix(part) {
        return Some(format!("{stem}|"));
    }
    let (stem, rest) = name.split_once(&format!("{part}."))?;
    Some(format!("{stem}|.{rest}"))
}

fn split(stem: &str) -> (&str, &str) {
    stem.split_once('|').unwrap_or((stem, ""))
}

/// Key and description of the joined tensor; `None` when a part is absent or of another shape.
fn joined(
    names: &[String],
    keys: &BTreeMap<String, String>,
    file: &Container,
) -> Option<(String, Entry)> {
    let mut key = Vec::new();
    let mut parts = Vec::new();
    let mut whole: Option<Entry> = None;
    for name in names {
        let found = keys
            .get(name)
            .and_then(|key| file.entries.get_key_value(key));
        let rows = match (found, &mut whole) {
            (Some((found, entry)), whole) => {
                key.push(found.as_str());
                parts.push(Part::Stored(entry.clone()));
                match whole {
                    None => {
                        *whole = Some(entry.clone());
                        continue;
                    }
                    Some(whole) => {
                        if whole.shape.get(1..) != entry.shape.get(1..) {
                            return None;
                        }
                        if !entry.dtype.is_float() {
                            whole.dtype = entry.dtype;
                        }
                        *entry.shape.first()?
                    }
                }
            }
            (None, Some(whole)) if name.ends_with(MAY_BE_ABSENT) => {
                key.push("zeros");
                let &[rows] = whole.shape.as_slice() else {
                    return None;
                };
                parts.push(Part::Zeros(rows));
                rows
            }
            (None, _) => return None,
        };
        let first = whole.as_mut()?.shape.first_mut()?;
        *first = first.checked_add(rows)?;
    }
    let whole = whole?;
    if names.len() == 1 {
        return Some((key.concat(), whole));
    }
    Some((key.join(" + "), Entry { parts, ..whole }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::container::contiguous;
    use crate::{Format, StoredType};

    fn file(tensors: &[(&str, &[usize])]) -> (Named, Container) {
        let entries: BTreeMap<String, Entry> = tensors
            .iter()
            .map(|(name, shape)| {
                let entry = Entry {
                    shape: shape.to_vec(),
                    dtype: StoredType::F32,
                    offset: 0,
                    strides: contiguous(shape),
                    parts: Vec::new(),
                };
                ((*name).to_owned(), entry)
            })
            .collect();
        let named = Named {
            names: entries.keys().map(|k| (k.clone(), k.clone())).collect(),
            ..Named::default()
        };
        let container = Container {
            path: "model".into(),
            format: Format::Safetensors,
            len: 0,
            entries,
            metadata: BTreeMap::new(),
            nested: String::new(),
        };
        (named, container)
    }

    #[test]
    fn parts_are_joined_in_order_and_what_does_not_fit_is_left() {
        let (mut named, mut container) = file(&[
            ("blocks.0.attn.q.weight", &[4, 4]),
            ("blocks.0.attn.k.weight", &[4, 4]),
            ("blocks.0.attn.v.weight", &[4, 4]),
            ("blocks.0.attn.q.bias", &[4]),
            ("blocks.0.attn.v.bias", &[4]),
            ("blocks.0.mlp.gate.weight", &[6, 4]),
            ("blocks.0.mlp.value.weight", &[6, 5]),
            ("blocks.1.mlp.value.bias", &[6]),
            ("blocks.1.attn.qkv.bias", &[12]),
            ("blocks.1.attn.qkv.bias_mask", &[12]),
            ("blocks.2.attn.v.bias", &[4]),
        ]);
        join(&mut named, &mut container);
        let shape = |name: &str| {
            let entry = named.names.get(name).and_then(|k| container.entries.get(k));
            entry.map(|entry| entry.shape.clone())
        };
        assert_eq!(shape("blocks.0.attn.qkv.weight"), Some(vec![12, 4]));
        assert_eq!(shape("blocks.0.attn.qkv.bias"), Some(vec![12]));
        assert_eq!(
            named.names["blocks.0.attn.qkv.bias"],
            "blocks.0.attn.q.bias + zeros + blocks.0.attn.v.bias"
        );
        assert_eq!(shape("blocks.1.mlp.fc1.bias"), Some(vec![6]));
        assert!(named.factors.contains_key("blocks.1.attn.qkv.bias"));
        for left in ["blocks.0.mlp.gate.weight", "blocks.2.attn.v.bias"] {
            assert!(named.names.contains_key(left), "{left}");
        }
        assert!(!named.names.contains_key("blocks.1.attn.qkv.bias_mask"));
    }
}
