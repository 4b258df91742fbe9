//! The one error type of the crate: what was expected, what was found, what to do.

use std::path::PathBuf;

use crate::LoadReport;

/// Why a backbone could not be configured, built, loaded or saved.
#[derive(Debug, thiserror::Error)]
pub enum BackboneError {
    /// A field of a configuration has a value that no model can have.
    #[error("invalid configuration: `{field}` is {found}, expected {expected}")]
    Config {
        /// Name of the field, or of the combination of fields.
        field: &'static str,
        /// The value found.
        found: String,
        /// What would be accepted.
        expected: String,
    },

    /// A name such as `blocks.3.attn.qkv` does not name a place of a vision transformer.
    #[error("`{found}` is not the name of a {kind}; expected {expected}")]
    Site {
        /// What kind of place was asked for.
        kind: &'static str,
        /// The name given.
        found: String,
        /// The form of a valid name.
        expected: String,
    },

    /// An image tensor does not fit the model.
    #[error(
        "the model cannot take an image of shape {found:?} [batch, channels, height, width]; expected {expected}"
    )]
    Image {
        /// The shape found.
        found: Vec<usize>,
        /// What would be accepted.
        expected: String,
    },

    /// A request for features names a block that does not exist.
    #[error("block {block} was asked for, but the model has {depth} blocks, numbered from 0")]
    Block {
        /// The block asked for.
        block: usize,
        /// Number of blocks of the model.
        depth: usize,
    },

    /// A plan of masked patches does not fit.
    #[error("invalid mask plan: {0}")]
    Mask(String),

    /// A checkpoint cannot be used: damaged, of an unknown kind, or ambiguous.
    #[error("{path}: {problem}; {remedy}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
        /// What to do.
        remedy: String,
    },

    /// A checkpoint does not fit the model; the report says where. Nothing was loaded.
    #[error("the checkpoint does not fit the model: {0}")]
    Mismatch(Box<LoadReport>),

    /// A value does not fit the precision asked for.
    #[error(
        "`{name}` holds {value}, which half precision cannot hold; use single precision (or bfloat16 when loading)"
    )]
    Precision {
        /// The tensor.
        name: String,
        /// The value.
        value: f32,
    },

    /// The backend does not compute with the type of number asked for.
    #[error(
        "the backend {backend} does not compute with {asked}; load in its own type, or choose another backend"
    )]
    Type {
        /// The type.
        asked: String,
        /// The backend.
        backend: String,
    },

    /// Reading or writing failed.
    #[error("{path}: {action} failed: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The cause.
        source: std::io::Error,
    },
}
