//! PyTorch files since 1.6: a zip archive of `data.pkl` and one uncompressed entry per storage.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::pickle::Pickle;
use super::reader::Bounded;
use super::state_dict::{self, Place};
use super::value::Storage;
use crate::BackboneError;
use crate::checkpoint::container::{Container, HEADER_LIMIT, corrupt};
use crate::checkpoint::report::Format;

const FORMAT: Format = Format::PytorchZip;

/// Whether a file begins like a zip archive.
pub(crate) fn is_zip(magic: &[u8]) -> bool {
    magic.starts_with(b"PK\x03\x04")
}

/// Reads the pickle and finds the storages.
pub(crate) fn open(
    path: &Path,
    file: File,
    len: u64,
    nested: Option<&str>,
) -> Result<Container, BackboneError> {
    let bad = |problem: String| corrupt(path, FORMAT, problem);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| bad(e.to_string()))?;
    // Every entry stands in a folder named after the archive: `NAME/data.pkl`, `NAME/data/0`, ...
    let root = archive
        .file_names()
        .find_map(|name| {
            name.strip_suffix("data.pkl")
                .filter(|root| root.matches('/').count() <= 1)
        })
        .map(str::to_owned)
        .ok_or_else(|| BackboneError::Checkpoint {
            path: path.to_owned(),
            problem: "it is a zip archive without `data.pkl`, so not a PyTorch checkpoint".into(),
            remedy: "unpack it and name the checkpoint inside".into(),
        })?;
    let mut places: HashMap<String, Place> = HashMap::new();
    let mut big_endian = false;
    for index in 0..archive.len() {
        let entry = archive
            .by_index_raw(index)
            .map_err(|e| bad(e.to_string()))?;
        let Some(name) = entry.name().strip_prefix(&root) else {
            continue;
        };
        if let Some(key) = name.strip_prefix("data/") {
            if entry.compression() != CompressionMethod::Stored {
                return Err(bad(format!(
                    "`{name}` is compressed, which PyTorch never does"
                )));
            }
            let offset = entry
                .data_start()
                .ok_or_else(|| bad(format!("`{name}` has no position")))?;
            let bytes = entry.size();
            if offset.checked_add(bytes).is_none_or(|end| end > len) {
                return Err(bad(format!("`{name}` ends behind the end of the file")));
            }
            places.insert(key.to_owned(), Place { offset, bytes });
        } else if name == "byteorder" {
            big_endian = entry.size() == 3;
        }
    }
    if big_endian {
        return Err(BackboneError::Checkpoint {
            path: path.to_owned(),
            problem: "its numbers are big-endian".into(),
            remedy: "load and save it once with PyTorch on a little-endian machine".into(),
        });
    }
    let entry = archive
        .by_name(&format!("{root}data.pkl"))
        .map_err(|e| bad(e.to_string()))?;
    let pickle = Pickle::read(&mut Bounded::new(BufReader::new(entry), HEADER_LIMIT))
        .map_err(|e| bad(format!("its pickle: {e}")))?;
    let (nested, tensors) = state_dict::choose(path, &pickle, nested)?;
    let entries = state_dict::entries(path, FORMAT, tensors, |storage: &Storage| {
        match places.get(&storage.key) {
            Some(place) => Ok(Place {
                offset: place.offset,
                bytes: place.bytes,
            }),
            None => Err(bad(format!("storage `{}` is absent", storage.key))),
        }
    })?;
    Ok(Container {
        path: path.to_owned(),
        format: FORMAT,
        len,
        entries,
        metadata: BTreeMap::new(),
        nested,
    })
}
