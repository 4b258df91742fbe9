//! The order in which a rule takes samples: by hash of seed and id.

use sha2::{Digest, Sha256};

/// The key of a sample under a seed: SHA-256 of the text `{seed}:{id}`, as lowercase hex.
pub fn split_key(seed: u64, id: &str) -> String {
    hex(&digest(seed, id))
}

/// The bytes of [`split_key`]; they order as their hex text does.
pub(super) fn digest(seed: u64, text: &str) -> [u8; 32] {
    Sha256::digest(format!("{seed}:{text}").as_bytes()).into()
}

/// Sorts by (key, text).
pub(super) fn sort_by_key<T>(seed: u64, values: &mut [T], text: impl Fn(&T) -> &str) {
    values.sort_by_cached_key(|value| (digest(seed, text(value)), text(value).to_owned()));
}

/// Lowercase hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
