//! Object headers: messages, and the data set that they describe.

use super::Hdf5Array;
use super::bytes::{Bytes, NOWHERE};
use crate::DataError;
use crate::io::Samples;

/// Kinds of messages that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dataspace = 0x01,
    Datatype = 0x03,
    Layout = 0x08,
    Filters = 0x0b,
    Attribute = 0x0c,
    Continuation = 0x10,
    SymbolTable = 0x11,
}

/// One message of a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) kind: u16,
    /// Address and length of its content.
    pub(super) start: u64,
    pub(super) size: usize,
    pub(super) flags: u8,
}

/// The messages of an object header of version 1.
pub(super) fn messages(bytes: &Bytes, header: u64) -> Result<Vec<Message>, DataError> {
    let version = bytes.at(header, 1)?[0];
    if version != 1 {
        return Err(bytes.unsupported("an object header of a newer version".into()));
    }
    let count = usize::from(bytes.u16(header + 2)?);
    let mut blocks = vec![(header + 16, u64::from(bytes.u32(header + 8)?))];
    let mut found: Vec<Message> = Vec::new();
    while let Some((start, length)) = blocks.pop() {
        let end = start.saturating_add(length);
        let mut at = start;
        while at.saturating_add(8) <= end && found.len() < count {
            let message = Message {
                kind: bytes.u16(at)?,
                size: usize::from(bytes.u16(at + 2)?),
                flags: bytes.at(at + 4, 1)?[0],
                start: at + 8,
            };
            // That it lies in the file is checked here, once for all.
            bytes.at(message.start, message.size)?;
            if message.kind == Kind::Continuation as u16 {
                blocks.push((bytes.u64(message.start)?, bytes.u64(message.start + 8)?));
            }
            at = message.start + message.size as u64;
            found.push(message);
        }
    }
    Ok(found)
}

/// The content of the one message of a kind.
fn one(bytes: &Bytes, messages: &[Message], kind: Kind) -> Result<u64, DataError> {
    match messages.iter().find(|message| message.kind == kind as u16) {
        Some(message) if message.flags & 2 != 0 => {
            Err(bytes.unsupported(format!("a shared {kind:?} message")))
        }
        Some(message) => Ok(message.start),
        None => Err(bytes.corrupt(format!("an object has no {kind:?} message"))),
    }
}

/// Extents of a dataspace message, outermost first.
pub(super) fn extents(bytes: &Bytes, start: u64) -> Result<Vec<usize>, DataError> {
    let head = bytes.at(start, 2)?;
    let (rank, first) = match head[0] {
        1 => (u64::from(head[1]), start + 8),
        2 => (u64::from(head[1]), start + 4),
        version => return Err(bytes.unsupported(format!("dataspace version {version}"))),
    };
    (0..rank)
        .map(|axis| {
            let extent = bytes.u64(first + 8 * axis)?;
            usize::try_from(extent).map_err(|_| bytes.corrupt(format!("an extent of {extent}")))
        })
        .collect()
}

/// How numbers are stored.
#[derive(Clone, Copy, Debug)]
struct Number {
    float: bool,
    signed: bool,
    big_endian: bool,
    size: usize,
}

fn number(bytes: &Bytes, start: u64) -> Result<Number, DataError> {
    let head = bytes.at(start, 8)?;
    let (class, bits) = (head[0] & 15, head[1]);
    let size = bytes.u32(start + 4)? as usize;
    let unsupported = |what: String| Err(bytes.unsupported(what));
    let number = Number {
        float: class == 1,
        signed: bits & 8 != 0,
        big_endian: bits & 1 != 0,
        size,
    };
    match class {
        0 if [1, 2, 4, 8].contains(&size) => {
            let precision = usize::from(bytes.u16(start + 10)?);
            if bytes.u16(start + 8)? != 0 || precision != 8 * size {
                return unsupported(format!("integers of {precision} bits"));
            }
        }
        1 if [4, 8].contains(&size) => {
            // Places and widths of exponent and mantissa, and the bias, of IEEE 754; VAX order has bit 6 set.
            let exponent = if size == 4 {
                [23, 8, 0, 23]
            } else {
                [52, 11, 0, 52]
            };
            let bias = if size == 4 { 127 } else { 1023 };
            if bytes.at(start + 12, 4)? != exponent
                || bytes.u32(start + 16)? != bias
                || bits & 64 != 0
            {
                return unsupported("floats that are not IEEE 754".into());
            }
        }
        0 | 1 => return unsupported(format!("numbers of {size} bytes")),
        other => return unsupported(format!("a data set of type class {other}")),
    }
    Ok(number)
}

/// The data set whose header is at `header`.
pub(super) fn array(bytes: &Bytes, header: u64) -> Result<Hdf5Array, DataError> {
    let messages = messages(bytes, header)?;
    if messages.iter().any(|m| m.kind == Kind::Filters as u16) {
        return Err(bytes.unsupported("a compressed data set".into()));
    }
    let shape = extents(bytes, one(bytes, &messages, Kind::Dataspace)?)?;
    let number = number(bytes, one(bytes, &messages, Kind::Datatype)?)?;
    let count = shape
        .iter()
        .try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let needed = count.and_then(|n| n.checked_mul(number.size));
    let layout = one(bytes, &messages, Kind::Layout)?;
    let head = bytes.at(layout, 2)?;
    let (start, stored) = match head {
        [3, 0] => (layout + 4, u64::from(bytes.u16(layout + 2)?)),
        [3, 1] => (bytes.u64(layout + 2)?, bytes.u64(layout + 10)?),
        [3, 2] => return Err(bytes.unsupported("a data set in chunks".into())),
        [version, _] => return Err(bytes.unsupported(format!("layout version {version}"))),
        _ => return Err(bytes.corrupt("a layout of no length".into())),
    };
    if start == NOWHERE {
        return Err(bytes.corrupt("a data set was never written".into()));
    }
    let Some(needed) = needed.filter(|&needed| needed as u64 <= stored) else {
        return Err(bytes.corrupt(format!(
            "extents {shape:?} of {} bytes each are more than the {stored} bytes stored",
            number.size
        )));
    };
    // Within the file, so no claim of the header can make the copy larger than it.
    let raw = bytes.at(start, needed)?;
    Ok(Hdf5Array {
        shape,
        samples: samples(raw, number),
    })
}

/// Values of the stored type; `number` is one of those that [`number`] lets through.
fn samples(raw: &[u8], number: Number) -> Samples {
    macro_rules! values {
        ($type:ty) => {
            raw.chunks_exact(size_of::<$type>())
                .map(|bytes| {
                    let mut value = [0; size_of::<$type>()];
                    value.copy_from_slice(bytes);
                    if number.big_endian {
                        value.reverse();
                    }
                    <$type>::from_le_bytes(value)
                })
                .collect()
        };
    }
    match (number.float, number.signed, number.size) {
        (true, _, 4) => Samples::F32(values!(f32)),
        (true, ..) => Samples::F64(values!(f64)),
        (_, true, 1) => Samples::I8(values!(i8)),
        (_, true, 2) => Samples::I16(values!(i16)),
        (_, true, 4) => Samples::I32(values!(i32)),
        (_, true, _) => Samples::I64(values!(i64)),
        (_, _, 1) => Samples::U8(values!(u8)),
        (_, _, 2) => Samples::U16(values!(u16)),
        (_, _, 4) => Samples::U32(values!(u32)),
        _ => Samples::U64(values!(u64)),
    }
}
