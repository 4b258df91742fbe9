//! Seeds derived from one root by name and index.

use sha2::{Digest, Sha256};

/// The seed of `index` in the stream `name` of `root`: the first eight bytes of SHA-256, so streams are independent and
/// the same on every machine.
///
/// ```
/// use training::derive_seed;
/// assert_eq!(derive_seed(1, "dropout", 5), derive_seed(1, "dropout", 5));
/// assert_ne!(derive_seed(1, "dropout", 5), derive_seed(1, "masks", 5));
/// ```
pub fn derive_seed(root: u64, name: &str, index: u64) -> u64 {
    let mut hash = Sha256::new();
    hash.update(root.to_le_bytes());
    hash.update(index.to_le_bytes());
    hash.update(name.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::derive_seed;
    use std::collections::HashSet;

    #[test]
    fn neighbouring_indices_and_roots_do_not_collide() {
        let seeds: HashSet<u64> = (0..50)
            .flat_map(|root| (0..50).map(move |index| derive_seed(root, "step", index)))
            .collect();
        assert_eq!(seeds.len(), 2500);
    }
}
