//! Pictures that a run has drawn, shown under its experiment.

use super::base64;

/// A picture beside a row's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The experiment's name.
    pub experiment: String,
    /// What it shows.
    pub caption: String,
    /// The picture as an SVG file.
    pub svg: String,
}

impl Picture {
    /// The picture as a data URI: shown as an image, an SVG can run nothing.
    pub(super) fn data_uri(&self) -> String {
        format!(
            "data:image/svg+xml;base64,{}",
            base64::encode(self.svg.as_bytes())
        )
    }
}
