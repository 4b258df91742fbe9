//! Stand-ins for the GEO-Bench sets. As in [`super::fake`] they are no real data: a band is noise around a level that depends on
//! class and band.

use std::path::Path;

use rand::Rng;

use super::BandNaming;
use super::fake::{stream, write};
use super::geobench_table::GeoBenchName;
use crate::io::{Samples, each};
use crate::{DataError, InputUnit};

/// Edge of the stand-ins in pixels.
const EDGE: usize = 16;
/// "Nowhere" among the addresses of a file.
const NOWHERE: u64 = u64::MAX;

/// Writes `folder/classification_v1.0/<set>/` with `per_class` samples of every class, all bands as they are stored, the partition (the
/// first sample of a class for testing, the second for validation, the others for training) and the labels.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_geobench(
    folder: &Path,
    name: GeoBenchName,
    per_class: usize,
    seed: u64,
) -> Result<(), DataError> {
    let set = name.set(BandNaming::Published);
    let root = folder.join("classification_v1.0").join(set.folder);
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    let mut labels = serde_json::Map::new();
    for class in 0..set.classes.len() {
        let mut ids = Vec::new();
        for number in 0..per_class {
            let id = format!("id_{:04}", class * per_class + number);
            let mut random = stream(seed, &id);
            let bands = set.bands.iter().enumerate().map(|(band, (stored, _))| {
                let level = 0.04 + 0.03 * ((class * 7 + band * 3) % 10) as f32;
                let values = (0..EDGE * EDGE).map(|_| level + random.random_range(0.0..0.02));
                let samples = match set.unit {
                    InputUnit::Reflectance => Samples::F32(values.collect()),
                    InputUnit::Uint8 => Samples::U8(values.map(|v| (500.0 * v) as u8).collect()),
                    _ => Samples::I16(values.map(|v| (1e4 * v) as i16).collect()),
                };
                (*stored, samples)
            });
            let bands: Vec<(&str, Samples)> = bands.collect();
            let bytes = hdf5(&bands, [EDGE, EDGE], &literal(&pickle(class as u8)));
            write(&root.join(format!("{id}.hdf5")), &bytes)?;
            parts[2usize.saturating_sub(number)].push(id.clone());
            ids.push(id);
        }
        labels.insert(class.to_string(), ids.into());
    }
    let [train, valid, test] = parts;
    let partition = serde_json::json!({ "train": train, "valid": valid, "test": test });
    let text = |value: &serde_json::Value| value.to_string().into_bytes();
    write(&root.join("default_partition.json"), &text(&partition))?;
    write(&root.join("label_map.json"), &text(&labels.into()))
}

/// `pickle.dumps({"label": class}, protocol=4)`.
fn pickle(class: u8) -> Vec<u8> {
    let mut bytes = b"\x80\x04}\x94\x8c\x05label\x94K".to_vec();
    bytes.extend_from_slice(&[class, b's', b'.']);
    bytes
}

/// What Python's `str` makes of bytes.
fn literal(bytes: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        b'\\' => "\\\\".into(),
        b'\'' => "\\'".into(),
        b'\n' => "\\n".into(),
        b'\t' => "\\t".into(),
        b'\r' => "\\r".into(),
        0x20..=0x7e => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    format!("b'{}'", bytes.iter().map(one).collect::<String>())
}

/// A file as h5py writes it by default: one data set per band, contiguous, and the text attribute `pickle`.
///
/// At most 32 bands, and everything below 4 GiB: what the stand-ins need and no more.
pub fn hdf5(bands: &[(&str, Samples)], [height, width]: [usize; 2], pickle: &str) -> Vec<u8> {
    /// Half the entries of a node of names, and half those of a node of the tree.
    const LEAF: usize = 16;
    const TREE: usize = 16;
    let mut order: Vec<&(&str, Samples)> = bands.iter().collect();
    order.sort_by_key(|band| band.0);

    // Names, each padded to eight bytes; the empty name comes first.
    let mut names = vec![0u8; 8];
    let mut places = Vec::new();
    for (name, _) in &order {
        places.push(names.len() as u64);
        names.extend_from_slice(name.as_bytes());
        names.resize((names.len() + 1).next_multiple_of(8), 0);
    }
    let root = 96u64;
    let tree = root + 16 + 24 + 64;
    let heap = tree + (24 + 8 * (4 * TREE + 1)) as u64;
    let leaf = heap + 32 + names.len() as u64;
    let collection = leaf + (8 + 40 * 2 * LEAF) as u64;
    let size = (16 + 16 + pickle.len().next_multiple_of(8) + 16).max(4096) as u64;
    let headers = collection + size;
    let header = 16 + 8 + 24 + 8 + 24 + 8 + 24;
    let mut data = headers + (header * order.len()) as u64;

    let mut file = Writer::default();
    file.raw(b"\x89HDF\r\n\x1a\n")
        .raw(&[0, 0, 0, 0, 0, 8, 8, 0]);
    file.u16(LEAF as u16).u16(TREE as u16).u32(0);
    let end = data
        + order
            .iter()
            .map(|(_, samples)| (samples.len() * samples.dtype().size()) as u64)
            .sum::<u64>();
    file.u64(0).u64(NOWHERE).u64(end).u64(NOWHERE);
    // The entry of the root group: a group, whose tree and heap are known.
    file.u64(0).u64(root).u32(1).u32(0).u64(tree).u64(heap);

    // Two messages: where the members are, and the attribute.
    file.raw(&[1, 0]).u16(2).u32(1).u32(24 + 64).u32(0);
    file.u16(0x11).u16(16).u32(0).u64(tree).u64(heap);
    file.u16(0x0c).u16(56).u32(0);
    // Version 1; name, type (text of variable length over single characters) and dataspace (a single value).
    file.raw(&[1, 0]).u16(7).u16(16).u16(8).raw(b"pickle\0\0");
    file.raw(&[0x19, 1, 1, 0])
        .u32(16)
        .raw(&[0x13, 0x10, 0, 0])
        .u32(1);
    file.raw(&[1, 0, 0, 0, 0, 0, 0, 0]);
    file.u32(pickle.len() as u32).u64(collection).u32(1);

    file.raw(b"TREE")
        .raw(&[0, 0])
        .u16(1)
        .u64(NOWHERE)
        .u64(NOWHERE);
    file.u64(0)
        .u64(leaf)
        .u64(places.last().copied().unwrap_or(0))
        .pad(heap);
    file.raw(b"HEAP")
        .u32(0)
        .u64(names.len() as u64)
        .u64(1)
        .u64(heap + 32)
        .raw(&names);
    file.raw(b"SNOD").raw(&[1, 0]).u16(order.len() as u16);
    for (at, place) in places.iter().enumerate() {
        file.u64(*place).u64(headers + (header * at) as u64);
        file.u32(0).u32(0).u64(0).u64(0);
    }
    file.pad(collection);
    file.raw(b"GCOL").u32(1).u64(size);
    file.u16(1)
        .u16(1)
        .u32(0)
        .u64(pickle.len() as u64)
        .raw(pickle.as_bytes());
    // What is left of the collection is its object 0.
    let free = (collection + 32).next_multiple_of(8) + pickle.len().next_multiple_of(8) as u64;
    file.pad(free)
        .u16(0)
        .u16(0)
        .u32(0)
        .u64(headers - free)
        .pad(headers);

    for (_, samples) in &order {
        let length = (samples.len() * samples.dtype().size()) as u64;
        file.raw(&[1, 0])
            .u16(3)
            .u32(1)
            .u32(header as u32 - 16)
            .u32(0);
        file.u16(0x01).u16(24).u32(0).raw(&[1, 2, 0, 0, 0, 0, 0, 0]);
        file.u64(height as u64).u64(width as u64);
        file.u16(0x03).u16(24).u32(0).raw(&datatype(samples));
        file.u16(0x08)
            .u16(24)
            .u32(0)
            .raw(&[3, 1])
            .u64(data)
            .u64(length)
            .raw(&[0; 6]);
        data += length;
    }
    for (_, samples) in &order {
        each!(samples, values => for value in values { file.raw(&value.to_le_bytes()); });
    }
    file.0
}

/// The datatype message of a stored type, 24 bytes.
fn datatype(samples: &Samples) -> Vec<u8> {
    let size = samples.dtype().size();
    let mut message = Writer::default();
    match samples {
        Samples::F32(_) | Samples::F64(_) => {
            let (exponent, bits, bias) = if size == 4 {
                (23, 8, 127)
            } else {
                (52, 11, 1023)
            };
            message
                .raw(&[0x11, 0x20, 8 * size as u8 - 1, 0])
                .u32(size as u32);
            message
                .u16(0)
                .u16(8 * size as u16)
                .raw(&[exponent, bits, 0, exponent])
                .u32(bias);
        }
        Samples::U8(_) | Samples::U16(_) | Samples::U32(_) | Samples::U64(_) => {
            message
                .raw(&[0x10, 0, 0, 0])
                .u32(size as u32)
                .u16(0)
                .u16(8 * size as u16);
        }
        _ => {
            message
                .raw(&[0x10, 8, 0, 0])
                .u32(size as u32)
                .u16(0)
                .u16(8 * size as u16);
        }
    }
    message.0.resize(24, 0);
    message.0
}

/// Little-endian numbers one behind the other.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Zeros up to an address.
    fn pad(&mut self, address: u64) -> &mut Self {
        self.0.resize(address as usize, 0);
        self
    }
}
