//! Model directories: an adapted model as files, loaded on any backend, and what it says about images.
//!
//! [`AdaptedModel::load`] reads a directory that [`write_model`] wrote; `docs/model-directory.md` describes the format.

mod card;
mod error;
mod export;
mod files;
mod head;
mod load;
mod logits;
mod manifest;
mod merge;
mod predict;
mod score;
mod write;

pub use error::AdaptedError;
pub use export::ExportFormat;
pub use files::images_below;
pub use load::{AdaptedModel, LoadModelOptions};
pub use logits::Logits;
pub use manifest::{
    BackboneEntry, DataFacts, FORMAT_VERSION, FileEntry, HeadEntry, MANIFEST_FILE, MethodEntry,
    ModelManifest, ReadoutEntry, TrainingFacts,
};
pub use predict::{Classified, LabelMap};
pub(crate) use write::require_free;
pub use write::{FinishedSeed, KeepBackbone, write_model};
