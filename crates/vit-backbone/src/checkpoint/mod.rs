//! Checkpoints: reading safetensors and PyTorch files, matching names and shapes before anything is built, the report,
//! and writing.
//!
//! burn-store is not used here. Its reader does not convert number types, its module application cannot be undone half-way, and
//! it panics on some files; a checkpoint is untrusted input. Here a file is first described (names, shapes, types, where
//! the bytes are), then compared with what the configuration needs, and only then are values read, one tensor at a time.

mod container;
mod directory;
mod fingerprint;
mod infer;
mod keys;
mod layout;
mod load;
mod options;
mod positions;
mod preflight;
mod pth;
mod report;
mod safetensors;
mod save;
mod suggest;
mod tensor_file;
mod values;

pub(crate) use container::Container;
pub use fingerprint::{fingerprint, sha256_bytes, sha256_file};
pub(crate) use keys::expected;
pub(crate) use layout::{Layout, find};
pub use load::{LoadProgress, load_vit, load_vit_watched};
pub use options::{Heads, LoadOptions};
pub(crate) use positions::{close, computed};
pub use report::{
    ConfigSource, Expected, Format, Found, LoadReport, Loaded, Mismatch, StoredType, Unused,
    UnusedReason,
};
pub use save::{Dtype, SaveReport, save_vit};
pub use tensor_file::{TensorFile, nearest_name};
