//! What can go wrong between predictions and a report.

use std::path::PathBuf;

/// Errors of this crate; each says what was expected, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A label is not an index into the class list.
    #[error(
        "{role} label {label} of sample {position} is outside the list of {classes} classes; \
         fix the label or declare it with `with_ignore_label`"
    )]
    Label {
        /// `true` or `predicted`.
        role: &'static str,
        /// Index of the sample.
        position: usize,
        /// The label found.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A true label of a mask is neither a class nor -1.
    #[error(
        "label {label} of pixel {position} is outside the list of {classes} classes and not -1 (ignored); fix the mask"
    )]
    PixelLabel {
        /// Index of the pixel.
        position: usize,
        /// The label found.
        label: i32,
        /// How many classes there are.
        classes: usize,
    },
    /// Two inputs that belong together differ in length, or a length is impossible.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// Which input.
        what: &'static str,
        /// What would have fitted.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A class list, group list or confusion matrix contradicts itself.
    #[error("class list: {problem}")]
    Classes {
        /// What contradicts what, and the remedy.
        problem: String,
    },
    /// A number is outside its range.
    #[error("{what} must be {expected}, found {found}")]
    Value {
        /// Which number.
        what: &'static str,
        /// The range.
        expected: &'static str,
        /// The number found.
        found: String,
    },
    /// A run record contradicts itself.
    #[error("run record {record}: {problem}")]
    Record {
        /// The record, as a path or as `experiment/row`.
        record: String,
        /// What contradicts what, and the remedy.
        problem: String,
    },
    /// A run record is not JSON, or not a run record.
    #[error(
        "{path} is not a run record: {source}; delete it and run the row again, or restore it from version control"
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's reason, with line and column.
        source: serde_json::Error,
    },
    /// A run record of another version of the format.
    #[error(
        "{path} has schema version {found}, this program reads {supported}; run the row again, or use the version that wrote it"
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u64,
        /// Version of this program.
        supported: u32,
    },
    /// The stored id is not the hash of the stored configuration and inputs.
    #[error(
        "{record}: the id is {stored}, but its configuration and input hashes give {computed}; \
         the record was edited after the run, so run the row again"
    )]
    Id {
        /// The record, as a path or as `experiment/row`.
        record: String,
        /// The id found.
        stored: String,
        /// The id expected.
        computed: String,
    },
    /// Two files hold the same run, or the same row of the same experiment.
    #[error("{first} and {second} both hold {what}; keep one of them")]
    Duplicate {
        /// What they share.
        what: String,
        /// One file or record.
        first: String,
        /// The other.
        second: String,
    },
    /// A file is larger than a run record can be.
    #[error(
        "{path} has {bytes} bytes, more than the {limit} a run record may have; keep predictions in a file of their own"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A line of a label or result file cannot be read.
    #[error("{path}, {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        source: oriented_boxes::text::LineError,
    },
    /// A labelled object has a class that is not in the list.
    #[error(
        "{path}, line {line}: class `{class}` is not one of {known}; add it to the list, or skip unknown classes"
    )]
    UnknownClass {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The class found.
        class: String,
        /// The classes of the list.
        known: String,
    },
    /// A detection lies in an image that has no labels.
    #[error(
        "{path}, line {line}: image `{image}` is not among the {images} labelled images; evaluate on the images that were detected in"
    )]
    UnknownImage {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The image found.
        image: String,
        /// How many images are known.
        images: usize,
    },
    /// A class has no result file.
    #[error(
        "{path} does not exist; write an empty file when nothing of class `{class}` was detected, or leave the class out"
    )]
    MissingResults {
        /// The file.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A text file is larger than label and result files are.
    #[error("{path} has more than {limit} bytes; check that it is a label or result file")]
    TextTooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
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
