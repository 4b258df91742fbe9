//! Readers: bytes of a file, or of a member of a zip archive, to samples in memory.
//!
//! Every reader compares the size that a header claims with the real number of bytes and with [`ReadLimits`] before it
//! allocates, and every error names the file.

mod archive;
mod atomic;
mod csv;
mod decode;
mod geo_tags;
mod georeference;
mod geotiff;
mod geotiff_scene;
mod geotiff_write;
mod hdf5;
mod limits;
mod npy;
mod npy_header;
mod pickle;
mod picture;
mod raster;
mod samples;
mod shared_file;
mod source;

pub use atomic::write_atomically;
pub use csv::{CsvRecord, csv_field, parse_csv};
pub use decode::{FileKind, decode, read_raster};
pub use geo_tags::GeoTags;
pub use geotiff::decode_geotiff;
pub use geotiff_scene::{SceneFile, SceneLimits, SceneWindow};
pub use geotiff_write::{EncodedTile, GeoTiffSpec, GeoTiffWriter, TILE, encode_tile};
pub use hdf5::{Hdf5, Hdf5Array};
pub use limits::ReadLimits;
pub use npy::{BandAxis, NpyArray, decode_npy, encode_npy, read_npy, write_npy};
pub use pickle::{Pickled, bytes_literal};
pub use picture::decode_picture;
pub use raster::Raster;
pub(crate) use samples::each;
pub use samples::{Dtype, Samples};
pub use source::Source;
pub(crate) use source::read_file;
