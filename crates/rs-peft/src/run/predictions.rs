//! The predictions of a seed as a file: what the report's example images and later analyses read.

use std::path::Path;

use eval::metric::Probabilities;
use serde::{Deserialize, Serialize};

use super::{RunError, json_file};

/// Predictions over a test part, in the order of the sorted ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predictions {
    /// Class names.
    pub classes: Vec<String>,
    /// Ids of the test samples.
    pub ids: Vec<String>,
    /// True class of each.
    pub truth: Vec<usize>,
    /// Predicted class of each.
    pub predicted: Vec<usize>,
    /// Probability of the predicted class; `null` where the method gives none.
    pub confidence: Option<Vec<f32>>,
}

impl Predictions {
    pub(crate) fn new(
        ids: Vec<String>,
        classes: &[String],
        truth: Vec<usize>,
        predicted: Vec<usize>,
        probabilities: Option<&Probabilities>,
    ) -> Self {
        let confidence = probabilities.map(|p| {
            predicted
                .iter()
                .enumerate()
                .map(|(row, &class)| p.row(row)[class] as f32)
                .collect()
        });
        Self {
            classes: classes.to_vec(),
            ids,
            truth,
            predicted,
            confidence,
        }
    }

    /// Writes the file, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), RunError> {
        json_file::write(path, self)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`RunError::Io`] or [`RunError::Json`].
    pub fn read(path: &Path) -> Result<Self, RunError> {
        json_file::read(path)
    }
}
