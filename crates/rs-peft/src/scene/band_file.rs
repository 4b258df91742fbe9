//! The finished tiles of one row of tiles, on disk until the map is put together.

use std::path::Path;

use rs_datasets::io::{EncodedTile, write_atomically};
use sha2::{Digest, Sha256};

use super::SceneError;

const MAGIC: &[u8; 8] = b"RSPBAND1";

/// Tiles of one row of tiles: those of the map from west to east, then those of each class's probability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TileRow {
    /// Pixels of each class, and of none.
    pub(super) counts: Vec<u64>,
    pub(super) tiles: Vec<EncodedTile>,
}

impl TileRow {
    /// Writes the file whole or not at all: magic, counts, tiles with their lengths, SHA-256 of all that.
    pub(super) fn write(&self, path: &Path) -> Result<(), SceneError> {
        let length: usize = self.tiles.iter().map(|tile| tile.0.len() + 8).sum();
        let mut bytes = Vec::with_capacity(length + 8 * self.counts.len() + 64);
        bytes.extend(MAGIC);
        bytes.extend((self.counts.len() as u64).to_le_bytes());
        for count in &self.counts {
            bytes.extend(count.to_le_bytes());
        }
        bytes.extend((self.tiles.len() as u64).to_le_bytes());
        for tile in &self.tiles {
            bytes.extend((tile.0.len() as u64).to_le_bytes());
            bytes.extend(&tile.0);
        }
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        Ok(write_atomically(path, &bytes)?)
    }

    /// Reads the file; `None` when it is not there or not what was written.
    pub(super) fn read(path: &Path, counts: usize, tiles: usize) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if Sha256::digest(body).as_slice() != hash {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let number = |rest: &mut &[u8]| -> Option<u64> {
            let (first, after) = rest.split_first_chunk::<8>()?;
            *rest = after;
            Some(u64::from_le_bytes(*first))
        };
        if number(&mut rest)? != counts as u64 {
            return None;
        }
        let counts: Vec<u64> = (0..counts)
            .map(|_| number(&mut rest))
            .collect::<Option<_>>()?;
        if number(&mut rest)? != tiles as u64 {
            return None;
        }
        let mut found = Vec::with_capacity(tiles);
        for _ in 0..tiles {
            let length = usize::try_from(number(&mut rest)?).ok()?;
            let (tile, after) = rest.split_at_checked(length)?;
            found.push(EncodedTile(tile.to_vec()));
            rest = after;
        }
        rest.is_empty().then_some(Self {
            counts,
            tiles: found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_what_was_written_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("row");
        let row = TileRow {
            counts: vec![3, 0, 7],
            tiles: vec![EncodedTile(vec![1, 2, 3]), EncodedTile(Vec::new())],
        };
        row.write(&path).unwrap();
        assert_eq!(TileRow::read(&path, 3, 2), Some(row));
        assert_eq!(TileRow::read(&path, 2, 2), None);
        assert_eq!(TileRow::read(&path, 3, 1), None);
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 16;
            std::fs::write(&path, &changed).unwrap();
            assert_eq!(TileRow::read(&path, 3, 2), None, "byte {at}");
            std::fs::write(&path, &bytes[..at]).unwrap();
            assert_eq!(TileRow::read(&path, 3, 2), None, "{at} bytes");
        }
    }
}
