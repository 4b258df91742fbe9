//! What can stop a map.

use std::path::PathBuf;

use rs_datasets::DataError;

/// Errors of mapping a scene; each says what was expected, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// Reading the scene, or writing the map.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The scene has other bands than the model reads.
    #[error(
        "{path} has {found} bands, the model reads {expected} ({names}); give the names of the scene's bands in their order \
         with --bands, or map a scene that has these bands"
    )]
    Bands {
        /// The scene.
        path: PathBuf,
        /// Bands in the file.
        found: usize,
        /// Bands of the model's images.
        expected: usize,
        /// Their names.
        names: String,
    },
    /// The scene's values cannot be in the unit that the model reads.
    #[error(
        "{path} holds {found} samples, the model reads {expected}; convert the scene to the unit of the training images \
         (gdal_translate -ot with -scale, or gdal_calc.py)"
    )]
    Unit {
        /// The scene.
        path: PathBuf,
        /// Stored type of the scene.
        found: &'static str,
        /// Unit of the model, in words.
        expected: String,
    },
    /// The map exists.
    #[error("{path} exists; give another name, or replace it with --force")]
    Exists {
        /// The map.
        path: PathBuf,
    },
    /// Another process writes the same map.
    #[error(
        "{path} is in use by another process that writes the same map; wait for it, or give another --output"
    )]
    InUse {
        /// The folder of finished rows.
        path: PathBuf,
    },
    /// A setting is out of its range.
    #[error("{what}: {detail}")]
    Setting {
        /// Which.
        what: &'static str,
        /// What was expected, what was found, what to do.
        detail: String,
    },
    /// A colour file cannot be understood.
    #[error("{path}: {detail}")]
    Colours {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        detail: String,
    },
    /// The model failed.
    #[error("the model failed on the windows from row {row} of the scene: {source}")]
    Model {
        /// First row of the windows.
        row: usize,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model gave something else than logits of its classes.
    #[error(
        "the model gave {found} for the windows from row {row} of the scene, expected {expected}"
    )]
    Logits {
        /// First row of the windows.
        row: usize,
        /// What came.
        found: String,
        /// What should have come.
        expected: String,
    },
    /// The caller asked to stop.
    #[error("stopped after {done} of {total} windows; the same command goes on from there")]
    Stopped {
        /// Windows done.
        done: usize,
        /// Windows in all.
        total: usize,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Encoding a picture.
    #[error("cannot write {path}: {source}")]
    Picture {
        /// The picture.
        path: PathBuf,
        /// The encoder's reason.
        source: image::ImageError,
    },
}

impl SceneError {
    /// Attaches an action and a path to an error of the operating system.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
