//! The identity of a run: a hash of everything that determines its result.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::InputHashes;

/// SHA-256, in hexadecimal, of the resolved configuration and the input hashes.
///
/// Hashed is the compact JSON of `{"config": ..., "inputs": ...}` with the keys of every object sorted, so the order in which
/// a configuration was written does not matter; every value does, including `null` against absent.
pub fn content_id(config: &Value, inputs: &InputHashes) -> String {
    let InputHashes {
        data,
        splits,
        weights,
        code,
    } = inputs;
    let mut hasher = Sha256::new();
    let mut text = String::from("{\"config\":");
    canonical(config, &mut text);
    text.push_str(",\"inputs\":");
    canonical(
        &serde_json::json!({ "data": data, "splits": splits, "weights": weights, "code": code }),
        &mut text,
    );
    text.push('}');
    hasher.update(text.as_bytes());
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Appends compact JSON with sorted keys. Depth is bounded: serde_json reads no more than 128 levels.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
