//! What can go wrong in this crate: every variant says what was expected, what was found and what to do.

use peft_lora::PeftError;

/// Errors of describing spectra, parsing formulas, and building, fitting, saving and loading adapters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeflectError {
    /// A field of the configuration is outside its range.
    #[error("{field} is {found}, expected {expected}; change it in the configuration")]
    InvalidConfig {
        /// The field, by its name in the configuration.
        field: String,
        /// The value found.
        found: String,
        /// The range allowed.
        expected: String,
    },

    /// An optical band whose place in the spectrum is not known.
    #[error(
        "the band `{band}` has no centre wavelength; give `wavelength_nm` or `role`, or set `optical = false` if it is no reflectance (radar, elevation)"
    )]
    NoWavelength {
        /// Name of the band.
        band: String,
    },

    /// What was asked for needs bands that the image does not have.
    #[error("{what} needs the band {missing}, but the bands described are {present}; {remedy}")]
    MissingBands {
        /// What was asked for.
        what: String,
        /// The roles that no band has, with their ranges.
        missing: String,
        /// The bands there are, with the roles they were given.
        present: String,
        /// What to do.
        remedy: String,
    },

    /// No such spectral index in the table.
    #[error("there is no spectral index `{name}`; the nearest names are {nearest}")]
    UnknownIndex {
        /// The name asked for.
        name: String,
        /// Names most alike, joined by commas.
        nearest: String,
    },

    /// No such band in the description.
    #[error("there is no band `{name}`; the bands described are {present}")]
    UnknownBand {
        /// The name asked for.
        name: String,
        /// The names there are.
        present: String,
    },

    /// Neither bands nor indices are left to look at.
    #[error(
        "the pixel set has nothing to look at: no band beyond RGB and no index; describe further bands, or set `bands` to all"
    )]
    NoFeatures,

    /// A formula does not parse.
    #[error("the formula `{formula}` is not valid at character {position}: {message}")]
    Formula {
        /// The formula.
        formula: String,
        /// Where, counted from 0.
        position: usize,
        /// Why.
        message: String,
    },

    /// An image does not fit the description or the backbone.
    #[error(
        "an image has the shape {found:?} ([batch, channels, height, width]), expected {expected}"
    )]
    Image {
        /// The shape found.
        found: Vec<usize>,
        /// What fits.
        expected: String,
    },

    /// Training statistics that do not fit the pixel set, or that no pixel contributed to.
    #[error(
        "the training statistics cannot be used: {what}; fit them again on batches of the training split"
    )]
    Standardisation {
        /// What is wrong.
        what: String,
    },

    /// A file is not an adapter of this crate, or one of a newer layout.
    #[error("{path}: {what}; {remedy}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },

    /// The backbone's configuration cannot be used.
    #[error("the backbone's configuration cannot be used: {0}")]
    Backbone(#[from] vit_backbone::BackboneError),

    /// Reading or writing failed, or the low-rank update of the RGB path cannot be built.
    #[error(transparent)]
    Peft(#[from] PeftError),
}

/// Builds the error for one field.
pub(crate) fn invalid(
    field: impl Into<String>,
    found: impl ToString,
    expected: impl Into<String>,
) -> DeflectError {
    DeflectError::InvalidConfig {
        field: field.into(),
        found: found.to_string(),
        expected: expected.into(),
    }
}
