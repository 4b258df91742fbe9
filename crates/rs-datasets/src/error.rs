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

    // Reading files.
    /// A file is truncated or is not what its name says.
    #[error(
        "{path} is not a readable {format} file: {detail}; fetch it again, or take it out of the data set"
    )]
    Corrupt {
        /// The file, or the archive joined with its member.
        path: PathBuf,
        /// What it should have been, e.g. `TIFF`.
        format: &'static str,
        /// What the decoder said.
        detail: String,
    },
    /// A file claims or has a size beyond the limit.
    #[error(
        "{path} {what} {claimed} bytes, the limit is {limit}; check the file, or raise {field} of ReadLimits"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Whose size it is, as a verb phrase: `has` or `decodes to`.
        what: &'static str,
        /// Bytes claimed or counted; `u64::MAX` where the claim overflows.
        claimed: u64,
        /// Bytes allowed.
        limit: u64,
        /// The field of [`crate::ReadLimits`] that sets the limit.
        field: &'static str,
    },
    /// A file is intact but uses something that is not read here.
    #[error("{path}: {detail} is not supported; {remedy}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported.
        detail: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The raster has another number of bands than the data set.
    #[error(
        "{path} has {found} bands, expected {expected}; check that the file belongs to this data set"
    )]
    BandCount {
        /// The file.
        path: PathBuf,
        /// Bands of the data set, in words.
        expected: String,
        /// Bands in the file.
        found: usize,
    },
    /// The raster has another sample type than the data set.
    #[error(
        "{path} holds {found} samples, expected {expected}; check that the file belongs to this data set"
    )]
    Dtype {
        /// The file.
        path: PathBuf,
        /// Type of the data set.
        expected: String,
        /// Type in the file.
        found: String,
    },
    /// Two rasters that belong together differ in size.
    #[error("{path} has {found} pixels, expected {expected}; make both of one size")]
    Extent {
        /// The file.
        path: PathBuf,
        /// Rows x columns it has.
        found: String,
        /// Rows x columns it should have, and why.
        expected: String,
    },
    /// A mask lies elsewhere than its scene.
    #[error(
        "{path} lies at {found}, its scene at {expected}; warp the mask onto the grid of the scene with gdalwarp -tr -te -t_srs"
    )]
    Grid {
        /// The mask.
        path: PathBuf,
        /// Its transform and system.
        found: String,
        /// Those of the scene.
        expected: String,
    },
    /// A file that must exist does not.
    #[error("{path} does not exist; {remedy}")]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// What to do.
        remedy: String,
    },
    /// A name would lead out of the folder it is relative to.
    #[error("`{name}` leads out of {root}; use a path inside it")]
    OutsideRoot {
        /// The folder or archive.
        root: PathBuf,
        /// The offending name.
        name: String,
    },

    // Data sets.
    /// The folder or archive does not look like the data set.
    #[error("{root} does not look like {dataset}: expected {expected}, found {found}")]
    Layout {
        /// The folder or archive.
        root: PathBuf,
        /// The data set.
        dataset: String,
        /// The layout that is read.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A class has no sample.
    #[error("class `{class}` of {root} has no sample; add files to it, or leave the class out")]
    EmptyClass {
        /// The folder, archive or manifest.
        root: PathBuf,
        /// The empty class.
        class: String,
    },
    /// A label is not in the list of classes.
    #[error(
        "{path}, {place}: label `{label}` is not one of: {available}; correct it, or add the class to the list"
    )]
    UnknownLabel {
        /// The file that holds the label.
        path: PathBuf,
        /// Where in it, e.g. `line 7`.
        place: String,
        /// The label.
        label: String,
        /// The labels that exist.
        available: String,
    },
    /// A manifest or label table cannot be understood.
    #[error("{path}, {place}: {detail}")]
    Manifest {
        /// The table.
        path: PathBuf,
        /// Where in it, e.g. `line 7`.
        place: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// Two samples have one id.
    #[error(
        "id `{id}` occurs twice in {root} ({first} and {second}); ids must be unique, rename one file"
    )]
    DuplicateId {
        /// The folder, archive or manifest.
        root: PathBuf,
        /// The id.
        id: String,
        /// First file with it.
        first: String,
        /// Second file with it.
        second: String,
    },
    /// No sample has this id.
    #[error(
        "{dataset} has no sample `{id}`; check that the data set is complete and the id comes from it"
    )]
    UnknownId {
        /// The data set.
        dataset: String,
        /// The id asked for.
        id: String,
    },
    /// No data set has this name.
    #[error("no data set `{name}`; there are: {available}")]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The names that exist.
        available: String,
    },
    /// An index beyond the last sample.
    #[error("sample {index} was asked for, the data set has {len}")]
    IndexOutOfRange {
        /// The index asked for.
        index: usize,
        /// How many samples there are.
        len: usize,
    },

    // Splits, transforms, loading.
    /// A setting is out of its range or contradicts another.
    #[error("{what}: {detail}")]
    Setting {
        /// Which setting, e.g. `split fraction` or `step 2 (resize)`.
        what: String,
        /// What was expected, what was found, what to do.
        detail: String,
    },
    /// Parts of a split are not what a split promises.
    #[error("split `{split}`: {detail}")]
    Split {
        /// Name of the split.
        split: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A split file cannot be trusted.
    #[error("split file {path}: {detail}")]
    SplitFile {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A class has fewer samples than were asked for.
    #[error(
        "class `{class}` has {available} samples, {wanted} are needed for {purpose}; ask for fewer or leave the class out"
    )]
    TooFew {
        /// The class.
        class: String,
        /// Samples there are.
        available: usize,
        /// Samples needed.
        wanted: usize,
        /// What they are needed for.
        purpose: String,
    },
    /// Statistics do not fit the image, or cannot be computed.
    #[error("band statistics from {origin}: {detail}")]
    Statistics {
        /// Where the statistics come from.
        origin: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A transform needs values of another unit.
    #[error(
        "{step} needs values in {expected}, found {found}; convert the unit first, or leave the step out"
    )]
    Unit {
        /// The transform.
        step: &'static str,
        /// The unit it needs.
        expected: String,
        /// The unit of the image.
        found: String,
    },
    /// Something went wrong with one sample.
    #[error("sample `{id}`: {source}")]
    InSample {
        /// Its id.
        id: String,
        /// What went wrong.
        source: Box<DataError>,
    },
    /// A decoded data set does not fit into the memory it was given.
    #[error(
        "{dataset} needs more than {limit} bytes decoded (reached at sample `{id}`, {done} of {len}); raise the limit or load it without a cache"
    )]
    CacheFull {
        /// The data set.
        dataset: String,
        /// The limit in bytes.
        limit: u64,
        /// The sample that did not fit.
        id: String,
        /// Samples that did.
        done: usize,
        /// Samples there are.
        len: usize,
    },
    /// Polygons cannot be read, or do not belong to the scene.
    #[error(transparent)]
    Vector(#[from] crate::vector::VectorError),
    /// A loading thread died.
    #[error("a loading thread panicked: {detail}; this is a bug of the data set or of a transform")]
    Worker {
        /// The panic message.
        detail: String,
    },
}
