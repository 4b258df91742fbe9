//! What can go wrong between bytes on disk and a sample.

use std::path::PathBuf;

/// Errors of this crate; each says what was expected, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A band name occurs twice.
    #[error("band `{name}` occurs twice; give each band of an image its own name")]
    DuplicateBand {
        /// The repeated name.
        name: String,
    },
    /// A band was asked for that the image does not have.
    #[error("no band `{name}`; the image has: {available}")]
    UnknownBand {
        /// The name asked for.
        name: String,
        /// The names that exist.
        available: String,
    },
    /// Extents do not fit.
    #[error("expected {expected}, found {found}")]
    Shape {
        /// What would have fitted.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done, e.g. `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
