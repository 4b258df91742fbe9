//! Example images with what each method predicted for them.

use super::base64;
use crate::EvalError;

/// The largest example image accepted: the page carries them inside.
pub const MAX_IMAGE_BYTES: usize = 4 << 20;

/// Examples shown under one experiment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExampleSet {
    /// The experiment's name.
    pub experiment: String,
    /// How they were chosen and how they are rendered, e.g. "first test image of each class, seed 0, bands B4 B3 B2".
    pub caption: String,
    /// The images.
    pub images: Vec<ExampleImage>,
}

/// One example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExampleImage {
    /// The image as a PNG file.
    pub png: Vec<u8>,
    /// Id of the sample.
    pub id: String,
    /// True class.
    pub truth: String,
    /// What each method predicted.
    pub predictions: Vec<ExamplePrediction>,
}

/// The prediction of one method for an example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExamplePrediction {
    /// The method, as in the table.
    pub method: String,
    /// Predicted class.
    pub class: String,
    /// Its probability.
    pub confidence: Option<f64>,
}

impl ExampleImage {
    /// Width and height, from the PNG header.
    ///
    /// # Errors
    /// When the bytes are not a PNG file or more than [`MAX_IMAGE_BYTES`].
    pub(super) fn extent(&self) -> Result<(u32, u32), EvalError> {
        let bad = |found: String| EvalError::Value {
            what: "an example image",
            expected: "a PNG file of at most 4 MiB; encode it as PNG, or scale it down",
            found,
        };
        if self.png.len() > MAX_IMAGE_BYTES {
            return Err(bad(format!("{} bytes for `{}`", self.png.len(), self.id)));
        }
        // Signature (8 bytes), length and type of the header chunk (8), width (4), height (4).
        if !self.png.starts_with(b"\x89PNG\r\n\x1a\n") || self.png.get(12..16) != Some(b"IHDR") {
            return Err(bad(format!("something else for `{}`", self.id)));
        }
        let word = |at: usize| {
            self.png.get(at..at + 4).map(|bytes| {
                bytes
                    .iter()
                    .fold(0u32, |word, &byte| word << 8 | u32::from(byte))
            })
        };
        match (word(16), word(20)) {
            (Some(width), Some(height)) if width > 0 && height > 0 => Ok((width, height)),
            _ => Err(bad(format!("a truncated or empty PNG for `{}`", self.id))),
        }
    }

    /// The image as a data URI.
    pub(super) fn data_uri(&self) -> String {
        format!("data:image/png;base64,{}", base64::encode(&self.png))
    }
}
