//! From defaults, table and row to one configuration, and its identity.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Lays `over` upon `base`: tables are merged key by key, everything else is replaced. A `method`, a `split` and a `head` are
/// replaced whole, because their keys depend on which one it is.
pub fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        let whole = matches!(key.as_str(), "method" | "split" | "head");
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) if !whole => {
                merge(below, above)
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// SHA-256 over the canonical JSON (keys sorted) of a value, as lowercase hexadecimal.
///
/// # Errors
/// What serialising gives, e.g. for a map whose keys are no strings.
pub fn content_hash<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let sorted = sort(serde_json::to_value(value)?);
    let digest = Sha256::digest(serde_json::to_vec(&sorted)?);
    Ok(hex(&digest))
}

fn sort(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (key, sort(value)))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            serde_json::Value::Object(entries.into_iter().collect())
        }
        serde_json::Value::Array(items) => {
            serde_json::Value::Array(items.into_iter().map(sort).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn tables_merge_and_methods_are_replaced_whole() {
        let mut base =
            table("a = 1\n[train]\nepochs = 5\nlr = 1.0\n[method]\nmethod = 'lora'\nrank = 8");
        merge(
            &mut base,
            table("[train]\nepochs = 7\n[method]\nmethod = 'frozen'"),
        );
        assert_eq!(
            base,
            table("a = 1\n[train]\nepochs = 7\nlr = 1.0\n[method]\nmethod = 'frozen'")
        );
    }

    #[test]
    fn the_hash_does_not_depend_on_key_order() {
        let hash = |text: &str| {
            content_hash(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap()
        };
        assert_eq!(
            hash(r#"{"a":1,"b":{"c":2,"d":3}}"#),
            hash(r#"{"b":{"d":3,"c":2},"a":1}"#)
        );
        assert_ne!(hash(r#"{"a":1}"#), hash(r#"{"a":2}"#));
        assert_eq!(hash(r#"{"a":1}"#).len(), 64);
    }
}
