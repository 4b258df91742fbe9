//! The members of a group that is stored as a symbol table: a B-tree over nodes of names, the names in a heap.

use std::collections::BTreeMap;

use super::bytes::Bytes;
use super::object::{self, Kind};
use crate::DataError;

/// Name and header address of every member of the group whose header is at `header`.
pub(super) fn members(bytes: &Bytes, header: u64) -> Result<BTreeMap<String, u64>, DataError> {
    let table = object::messages(bytes, header)?
        .into_iter()
        .find(|message| message.kind == Kind::SymbolTable as u16);
    let Some(table) = table else {
        return Err(
            bytes.unsupported("a group without symbol table (written with libver='latest')".into())
        );
    };
    let tree = bytes.u64(table.start)?;
    let heap = bytes.u64(table.start + 8)?;
    if bytes.at(heap, 4)? != b"HEAP" {
        return Err(bytes.corrupt("the heap of names is not where it should be".into()));
    }
    let names = bytes.u64(heap + 24)?;
    let mut members = BTreeMap::new();
    let mut open = vec![tree];
    // A node takes 24 bytes at least: more of them than fit into the file are a circle.
    let mut left = bytes.len() / 24 + 1;
    while let Some(node) = open.pop() {
        left = left
            .checked_sub(1)
            .ok_or_else(|| bytes.corrupt("the directory leads back to itself".into()))?;
        match bytes.at(node, 4)? {
            b"TREE" => {
                let entries = u64::from(bytes.u16(node + 6)?);
                // Keys and children by turns, a key first.
                for entry in 0..entries {
                    open.push(bytes.u64(node + 24 + 16 * entry + 8)?);
                }
            }
            b"SNOD" => {
                for entry in 0..u64::from(bytes.u16(node + 6)?) {
                    let at = node + 8 + 40 * entry;
                    let name = bytes.text(names.saturating_add(bytes.u64(at)?))?;
                    members.insert(name, bytes.u64(at + 8)?);
                }
            }
            _ => {
                return Err(
                    bytes.corrupt("a node of the directory is not where it should be".into())
                );
            }
        }
        if open.len() > left {
            return Err(bytes.corrupt("the directory is larger than the file".into()));
        }
    }
    Ok(members)
}
