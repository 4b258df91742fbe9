//! What can go wrong in this crate: every variant says what was expected, what was found and what to do.

use std::path::PathBuf;

use crate::listing::Listing;

/// Errors of configuring, building, merging, saving and loading adapters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeftError {
    /// A field of a method's configuration is outside its range.
    #[error("{field} is {found}, expected {expected}; change it in the method's configuration")]
    InvalidConfig {
        /// The field, by its name in the configuration.
        field: String,
        /// The value found.
        found: String,
        /// The range allowed.
        expected: String,
    },

    /// There is no preset of that name.
    #[error(
        "there is no preset method `{name}`; the nearest names are {}",
        Listing(nearest)
    )]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// The presets whose names are most alike.
        nearest: Vec<String>,
    },

    /// There is no adapter of that name among those held.
    #[error(
        "there is no adapter `{name}`; the nearest names are {}",
        Listing(nearest)
    )]
    UnknownAdapter {
        /// The name asked for.
        name: String,
        /// The held ones whose names are most alike.
        nearest: Vec<String>,
    },

    /// A file is not what was written.
    #[error(
        "{}: not the bytes that were written (its checksum differs); copy it again from where it came. If it was changed on purpose, delete rs_peft.json beside it: what Python peft knows of the method is read without",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },

    /// Adapters for one batch lengthen the token sequence by different numbers.
    #[error(
        "`{first}` adds {first_tokens} tokens to every image and `{second}` {second_tokens}; one batch needs one number: run their images in batches of their own"
    )]
    TokenCounts {
        /// One adapter.
        first: String,
        /// Tokens that it adds.
        first_tokens: usize,
        /// Another.
        second: String,
        /// Tokens that it adds.
        second_tokens: usize,
    },

    /// A target (or rank, or alpha) pattern matches no linear map of the backbone: it would silently train nothing.
    #[error(
        "the pattern `{pattern}` of `{field}` matches no linear map of the backbone; the nearest names are {}",
        Listing(nearest)
    )]
    NoTarget {
        /// The field that holds the pattern (`targets`, `rank_pattern`, `alpha_pattern`).
        field: String,
        /// The pattern.
        pattern: String,
        /// The addressable names most alike.
        nearest: Vec<String>,
    },

    /// A fused map and one of its parts are both targeted, so that the part would be adapted twice.
    #[error(
        "`{map}` is targeted as a whole and by its part `{part}`; keep one of the two in `targets`"
    )]
    OverlappingTargets {
        /// The fused map.
        map: String,
        /// The part of it.
        part: String,
    },

    /// Two patterns give one place different values.
    #[error(
        "the patterns `{first}` and `{second}` of `{field}` both match `{place}` with different values; make one of them narrower"
    )]
    AmbiguousPattern {
        /// `rank_pattern` or `alpha_pattern`.
        field: String,
        /// One pattern.
        first: String,
        /// The other pattern.
        second: String,
        /// The place both match.
        place: String,
    },

    /// The configuration of the backbone is not one that a model can be built from.
    #[error("the backbone's configuration or weights cannot be used: {0}")]
    Backbone(#[from] vit_backbone::BackboneError),

    /// The configuration given does not describe the backbone given.
    #[error(
        "the backbone has {found} but its configuration says {expected}; pass the configuration the backbone was loaded with"
    )]
    OtherArchitecture {
        /// What the configuration says.
        expected: String,
        /// What the backbone has.
        found: String,
    },

    /// A weight is NaN or infinite, so that merging or saving it would spoil every output.
    #[error(
        "`{what}` holds {count} values that are NaN or infinite; the training diverged: lower the learning rate and train again, or load an earlier checkpoint"
    )]
    NotFinite {
        /// The tensor.
        what: String,
        /// How many of its values are not finite.
        count: usize,
    },

    /// The method changes the function in a way that no weights of the base can.
    #[error(
        "an adapter of the method `{method}` cannot be merged into the base's weights: {why}; keep it beside the base"
    )]
    NotMergeable {
        /// The method's name in files.
        method: &'static str,
        /// What stands against it.
        why: &'static str,
    },

    /// A file could not be read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The operating system's answer.
        source: std::io::Error,
    },

    /// A file claims or has a size that no adapter has.
    #[error("{}: {size} bytes, more than the {limit} that are read; is this an adapter file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },

    /// A JSON file is not JSON, or lacks a field, or has one of another type.
    #[error("{}: not a valid adapter configuration: {source}; write it again or copy the original", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where parsing failed.
        source: serde_json::Error,
    },

    /// A safetensors file is truncated, corrupt or not safetensors at all.
    #[error("{}: not a readable safetensors file: {message}; copy or download it again", path.display())]
    SafeTensors {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        message: String,
    },

    /// The adapter uses something of PEFT that has no counterpart here.
    #[error("{}: {what}; {remedy}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        what: String,
        /// What to do instead.
        remedy: String,
    },

    /// The names in the tensor file are not those the configuration and the backbone call for.
    #[error(
        "{}: the tensors do not fit the configuration and the backbone: missing {}; not expected {}; check that the adapter was made for this backbone",
        path.display(), Listing(missing), Listing(unexpected)
    )]
    Keys {
        /// The file.
        path: PathBuf,
        /// Names called for and absent.
        missing: Vec<String>,
        /// Names present and not called for.
        unexpected: Vec<String>,
    },

    /// Tensors of other shapes than the backbone and the configuration call for.
    #[error("{}: tensors of another shape: {}; the adapter was made for a backbone of another size or with another rank", path.display(), Listing(mismatches))]
    Shapes {
        /// The file.
        path: PathBuf,
        /// One line per tensor: name, shape expected, shape found.
        mismatches: Vec<String>,
    },

    /// A tensor is stored as a type that is not a float.
    #[error("{}: `{key}` is stored as {found}, expected F32, F16, BF16 or F64; export it again as one of these", path.display())]
    DType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        key: String,
        /// The type found.
        found: String,
    },

    /// The adapter was trained on other base weights than those it is to be loaded onto.
    #[error(
        "{}: trained on base weights with sha256 {expected}, but these have {found}; load the original weights, or set `allow_other_base` to accept other outputs",
        path.display()
    )]
    OtherBase {
        /// The file that records the base.
        path: PathBuf,
        /// The hash recorded when the adapter was saved.
        expected: String,
        /// The hash of the base at hand.
        found: String,
    },

    /// The place to save to is something that must not be overwritten.
    #[error("{}: exists and is not an adapter directory; it is left as it is, choose another place", path.display())]
    NotAnAdapterDirectory {
        /// The place.
        path: PathBuf,
    },

    /// The arrays of a head do not fit each other.
    #[error(
        "the head's `{array}` has shape {found:?}, expected {expected}; build the head for this backbone's features"
    )]
    Head {
        /// The array.
        array: String,
        /// Its shape.
        found: Vec<usize>,
        /// What was expected, in words.
        expected: String,
    },
}
