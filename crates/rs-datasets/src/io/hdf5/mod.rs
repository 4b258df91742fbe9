//! HDF5 files as h5py writes them by default: one group, data sets stored in one piece, text attributes (ADR 0008).
//!
//! Read is: superblock 0 and 1, groups as symbol tables, object headers of version 1, dataspaces, integers and IEEE floats of
//! either byte order, contiguous and compact storage, attributes of fixed and variable-length text. Chunks, filters, other kinds
//! of numbers and newer layouts are refused by name. (The HDF5 Group: HDF5 File Format Specification, version 3.0.)
//!
//! Every address and length is checked against the bytes at hand before it is followed, and nothing larger than the file is
//! allocated.

mod attribute;
mod bytes;
mod group;
mod object;

use std::collections::BTreeMap;
use std::path::Path;

use self::bytes::Bytes;
use super::{ReadLimits, Samples};
use crate::DataError;

/// The first eight bytes of a file.
const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// A file in memory: what its root group holds.
#[derive(Debug)]
pub struct Hdf5 {
    bytes: Bytes,
    /// Address of the header of every object of the root group, by name.
    objects: BTreeMap<String, u64>,
    /// Address of the header of the root group.
    root: u64,
}

/// A data set, its values in the stored type.
#[derive(Clone, Debug, PartialEq)]
pub struct Hdf5Array {
    /// Extents, outermost first; empty for a single value.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub samples: Samples,
}

impl Hdf5 {
    /// Reads the directory of the root group. `path` only names the file in errors.
    ///
    /// # Errors
    /// [`DataError::TooLarge`], [`DataError::Corrupt`], [`DataError::Unsupported`].
    pub fn open(bytes: Vec<u8>, path: &Path, limits: &ReadLimits) -> Result<Self, DataError> {
        limits.check_file(path, bytes.len() as u64)?;
        let mut bytes = Bytes::new(bytes, path);
        if bytes.at(0, 8)? != SIGNATURE {
            return Err(bytes.corrupt("it does not begin with the signature of HDF5".into()));
        }
        let version = bytes.at(8, 1)?[0];
        if version > 1 {
            return Err(bytes.unsupported(format!("superblock version {version}")));
        }
        let sizes = bytes.at(13, 2)?;
        if sizes != [8, 8] {
            let sizes = format!("addresses and lengths of {sizes:?} bytes");
            return Err(bytes.unsupported(sizes));
        }
        // Version 1 has four bytes more in front of the addresses.
        let addresses = if version == 0 { 24 } else { 28 };
        // Before the base is known: the superblock itself lies at the beginning of the file.
        let (base, root) = (bytes.u64(addresses)?, bytes.u64(addresses + 40)?);
        bytes.base = base;
        let objects = group::members(&bytes, root)?;
        Ok(Self {
            bytes,
            objects,
            root,
        })
    }

    /// Names of the objects in the root group, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// The data set of that name in the root group.
    ///
    /// # Errors
    /// [`DataError::Missing`] with the names there are; [`DataError::Corrupt`], [`DataError::Unsupported`].
    pub fn read(&self, name: &str) -> Result<Hdf5Array, DataError> {
        let Some(&header) = self.objects.get(name) else {
            let names: Vec<&str> = self.names().collect();
            return Err(DataError::Missing {
                path: self.bytes.path.join(name),
                remedy: format!("the file holds {}", names.join(", ")),
            });
        };
        object::array(&self.bytes, header)
    }

    /// A text attribute of the root group; `None` where it has none of that name.
    ///
    /// # Errors
    /// [`DataError::Corrupt`]; [`DataError::Unsupported`] for an attribute that is no text.
    pub fn attribute(&self, name: &str) -> Result<Option<String>, DataError> {
        attribute::text(&self.bytes, self.root, name)
    }
}
