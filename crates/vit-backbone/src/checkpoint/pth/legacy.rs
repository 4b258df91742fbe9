//! PyTorch files before 1.6: four pickles (magic number, version, system, data), a pickled list of storage keys, and the
//! storages behind one another, each led by its length.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::pickle::Pickle;
use super::reader::Bounded;
use super::state_dict::{self, Place};
use super::value::{Id, Storage, Value};
use crate::BackboneError;
use crate::checkpoint::container::{Container, HEADER_LIMIT, corrupt};
use crate::checkpoint::report::Format;

const FORMAT: Format = Format::PytorchLegacy;

/// PyTorch's magic number 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Whether a file begins with the pickled magic number: protocol, a long of ten bytes, the number.
pub(crate) fn is_legacy(magic: &[u8]) -> bool {
    magic.first() == Some(&0x80)
        && magic.get(2..4) == Some(&[0x8a, 10])
        && magic.get(4..14) == Some(&MAGIC)
}

/// Reads the pickles and walks over the storages.
pub(crate) fn open(
    path: &Path,
    mut file: File,
    len: u64,
    nested: Option<&str>,
) -> Result<Container, BackboneError> {
    let bad = |problem: String| corrupt(path, FORMAT, problem);
    let mut reader = Bounded::new(BufReader::new(&mut file), HEADER_LIMIT);
    let mut next = |what: &str| {
        Pickle::read(&mut reader).map_err(|e| bad(format!("its pickle of {what}: {e}")))
    };
    next("the magic number")?;
    next("the version")?;
    let system = next("the system")?;
    if system.get(system.root, "little_endian").is_none() {
        return Err(bad("its description of the system is not PyTorch's".into()));
    }
    let data = next("the data")?;
    let keys = next("the storage keys")?;
    let mut at = reader.position;

    let Value::Sequence(keys_in_order) = &keys.values[keys.root] else {
        return Err(bad("its list of storage keys is none".into()));
    };
    let types = storages(&data);
    let mut places: HashMap<&str, Place> = HashMap::new();
    for key in keys_in_order {
        let Value::Text(key) = &keys.values[*key] else {
            return Err(bad("a storage key is not text".into()));
        };
        let Some(storage) = types.get(key.as_str()) else {
            return Err(bad(format!(
                "nothing refers to storage `{key}`, so its size is unknown"
            )));
        };
        let mut count = [0; 8];
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut count))
            .map_err(|_| bad(format!("it ends before storage `{key}`")))?;
        let bytes = u64::from_le_bytes(count).checked_mul(storage.dtype.bytes() as u64);
        let end = bytes
            .and_then(|bytes| bytes.checked_add(at + 8))
            .filter(|end| *end <= len);
        let (Some(bytes), Some(end)) = (bytes, end) else {
            return Err(bad(format!("it ends inside storage `{key}`")));
        };
        places.insert(
            key,
            Place {
                offset: at + 8,
                bytes,
            },
        );
        at = end;
    }
    let (nested, tensors) = state_dict::choose(path, &data, nested)?;
    let entries = state_dict::entries(path, FORMAT, tensors, |storage: &Storage| {
        match places.get(storage.key.as_str()) {
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

/// Every storage that the pickle mentions, by key.
fn storages(pickle: &Pickle) -> HashMap<&str, &Storage> {
    let storage = |id: Id| match &pickle.values[id] {
        Value::Storage(storage) => Some((storage.key.as_str(), storage)),
        _ => None,
    };
    (0..pickle.values.len()).filter_map(storage).collect()
}
