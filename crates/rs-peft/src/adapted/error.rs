//! What can be wrong with a model directory or with an image given to its model.

use std::path::PathBuf;

use crate::RunError;

/// Errors of model directories; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AdaptedError {
    /// The directory is none.
    #[error(
        "{path} is no model directory: it has no model.json; give a folder that `rs-peft adapt --out` wrote"
    )]
    NotAModel {
        /// What was given.
        path: PathBuf,
    },
    /// Another format.
    #[error(
        "{path} has format version {found}, of which 1 to {newest} are read; read it with the version of rs-peft that wrote it, or a newer one"
    )]
    Version {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest one that is read.
        newest: u32,
    },
    /// `model.json` is damaged or was changed by hand.
    #[error("{path}: {detail}; restore the file, or train the model again with `rs-peft adapt`")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A file that the manifest lists is not there.
    #[error("{path} is missing; copy the model directory again, with all its files")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is not what was written.
    #[error(
        "{path} is damaged: its SHA-256 is {found}, that in model.json {expected}; copy the model directory again"
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// The hash in the manifest.
        expected: String,
        /// That of the file.
        found: String,
    },
    /// The backbone outside the directory is not where it was.
    #[error(
        "the backbone `{name}` is not at {path}; give the same file (SHA-256 {sha256}) with --backbone FILE"
    )]
    NoBackbone {
        /// Its name.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
        /// Its hash.
        sha256: String,
    },
    /// The backbone is another one.
    #[error(
        "{path} is another backbone than `{name}`, on which the adapter was trained: its SHA-256 is {found}, expected {expected}; give the right file with --backbone FILE"
    )]
    OtherBackbone {
        /// The file.
        path: PathBuf,
        /// Name of the right one.
        name: String,
        /// Hash of the right one.
        expected: String,
        /// Hash of the file.
        found: String,
    },
    /// The head's arrays do not fit the manifest.
    #[error("the head in {path} does not fit model.json: {detail}; copy the model directory again")]
    Head {
        /// The adapter's folder.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// An image lacks bands.
    #[error("{image}: no band {missing}; the model needs {expected} and the image has {found}")]
    Bands {
        /// The image.
        image: String,
        /// Bands that are not there.
        missing: String,
        /// Those of the model.
        expected: String,
        /// Those of the image.
        found: String,
    },
    /// An image has another number of bands than those of the training.
    #[error(
        "{image} has {found} bands, but the model's images have {expected} ({names}); give the names of the image's bands, in the order of the file, with --bands"
    )]
    BandCount {
        /// The image.
        image: String,
        /// Bands of the image.
        found: usize,
        /// Bands of the images that were trained on.
        expected: usize,
        /// Their names.
        names: String,
    },
    /// An image's values mean something else.
    #[error(
        "{image}: its values are {found}, the model was trained on {expected}; convert them first"
    )]
    Unit {
        /// The image.
        image: String,
        /// Unit of the image.
        found: String,
        /// Unit of the model.
        expected: String,
    },
    /// An image has no measured pixel.
    #[error(
        "{image}: no pixel holds a measurement (all are NaN, infinite or no-data), so there is nothing to predict from; leave it out"
    )]
    NothingMeasured {
        /// The image.
        image: String,
    },
    /// An image has an extent that the model cannot see.
    #[error("{image}: {height} x {width} pixels; {expected}")]
    Extent {
        /// The image.
        image: String,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// What would do.
        expected: String,
    },
    /// The model answers another question.
    #[error("the model is one of {found}; {asked} needs one of {expected}")]
    Task {
        /// What it does.
        found: &'static str,
        /// What was asked for.
        asked: &'static str,
        /// What that needs.
        expected: &'static str,
    },
    /// Writing would replace something.
    #[error("{path} exists; give another folder, or --force to replace a model")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Another library has no place for it.
    #[error("{format} has no place for {detail}")]
    NotExportable {
        /// The library.
        format: &'static str,
        /// What it has no place for, and what to do.
        detail: String,
    },
    /// Weights cannot hold what the method does.
    #[error(
        "a model adapted by `{method}` cannot be merged: {why}; use the model directory as it is"
    )]
    NotMergeable {
        /// The method.
        method: String,
        /// The reason.
        why: String,
    },
    /// Reading or writing a file.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The adapter or the head.
    #[error(transparent)]
    Peft(#[from] peft_lora::PeftError),
    /// DEFLECT.
    #[error(transparent)]
    Deflect(#[from] deflect::DeflectError),
    /// The backbone.
    #[error(transparent)]
    Backbone(#[from] vit_backbone::BackboneError),
    /// The head.
    #[error(transparent)]
    Heads(#[from] heads::HeadError),
    /// An image or a data set.
    #[error(transparent)]
    Data(#[from] rs_datasets::DataError),
    /// Metrics.
    #[error(transparent)]
    Eval(#[from] eval::EvalError),
    /// The engine.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl AdaptedError {
    /// Attaches an action and a path to an error of the operating system.
    pub(crate) fn io(
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
