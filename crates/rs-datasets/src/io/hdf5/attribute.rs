//! Text attributes, of fixed length or in the global heap.

use super::bytes::Bytes;
use super::object::{Kind, extents, messages};
use crate::DataError;

/// Datatype classes of text.
const STRING: u8 = 3;
const VARIABLE: u8 = 9;

/// The text attribute `name` of the object whose header is at `header`.
pub(super) fn text(bytes: &Bytes, header: u64, name: &str) -> Result<Option<String>, DataError> {
    for message in messages(bytes, header)? {
        if message.kind != Kind::Attribute as u16 {
            continue;
        }
        let version = bytes.at(message.start, 1)?[0];
        if !(1..=3).contains(&version) {
            return Err(bytes.unsupported(format!("attribute version {version}")));
        }
        let lengths = [2, 4, 6].map(|at| bytes.u16(message.start + at).map(u64::from));
        let [name_length, type_length, space_length] = lengths;
        // Version 1 pads every part to eight bytes; version 3 has a byte for the character set.
        let padded = |length: u64| {
            if version == 1 {
                length.next_multiple_of(8)
            } else {
                length
            }
        };
        let start = message.start + if version == 3 { 9 } else { 8 };
        let datatype = start + padded(name_length?);
        let space = datatype + padded(type_length?);
        let value = space + padded(space_length?);
        if bytes.text(start)? != name {
            continue;
        }
        if version > 1 && bytes.at(message.start + 1, 1)?[0] != 0 {
            return Err(bytes.unsupported(format!("attribute `{name}` of a shared type")));
        }
        if !extents(bytes, space)?.iter().all(|&extent| extent == 1) {
            return Err(bytes.unsupported(format!("attribute `{name}` with several values")));
        }
        let head = bytes.at(datatype, 8)?;
        let size = bytes.u32(datatype + 4)? as usize;
        let end = |raw: &[u8]| raw.iter().position(|&b| b == 0).unwrap_or(raw.len());
        return match (head[0] & 15, head[1] & 15) {
            (STRING, _) => {
                let raw = bytes.at(value, size)?;
                bytes.utf8(&raw[..end(raw)]).map(Some)
            }
            // A variable-length sequence is text where its kind is 1.
            (VARIABLE, 1) => {
                let length = bytes.u32(value)? as usize;
                let raw = in_heap(bytes, bytes.u64(value + 4)?, bytes.u32(value + 12)?)?;
                let raw = raw.get(..length).ok_or_else(|| {
                    bytes.corrupt(format!("attribute `{name}` is shorter than it says"))
                })?;
                bytes.utf8(&raw[..end(raw)]).map(Some)
            }
            _ => Err(bytes.unsupported(format!("attribute `{name}`, which is no text,"))),
        };
    }
    Ok(None)
}

/// An object of the global heap collection at `collection`.
fn in_heap(bytes: &Bytes, collection: u64, wanted: u32) -> Result<&[u8], DataError> {
    if bytes.at(collection, 4)? != b"GCOL" {
        return Err(bytes.corrupt("the global heap is not where it should be".into()));
    }
    let end = collection.saturating_add(bytes.u64(collection + 8)?);
    let mut at = collection + 16;
    while at.saturating_add(16) <= end {
        let (index, size) = (bytes.u16(at)?, bytes.u64(at + 8)?);
        if index == 0 {
            break;
        }
        if u32::from(index) == wanted {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            return bytes.at(at + 16, size);
        }
        at = size
            .checked_next_multiple_of(8)
            .and_then(|size| at.checked_add(16)?.checked_add(size))
            .ok_or_else(|| bytes.corrupt("an object of the global heap without end".into()))?;
    }
    Err(bytes.corrupt(format!("no object {wanted} in the global heap")))
}
