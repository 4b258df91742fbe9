//! Predicted label masks of a seed as a file: what the report's pictures read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::run::{RunError, json_file};

/// The masks of the first test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictedMasks {
    /// Class names.
    pub(crate) classes: Vec<String>,
    /// In the order of the sorted ids.
    pub(crate) masks: Vec<PredictedMask>,
}

/// The mask of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictedMask {
    /// Id of the image.
    pub(crate) id: String,
    /// Rows.
    pub(crate) height: usize,
    /// Columns.
    pub(crate) width: usize,
    /// Runs of one class, row by row: class and length.
    pub(crate) runs: Vec<(usize, usize)>,
}

impl PredictedMask {
    pub(super) fn new(id: String, [height, width]: [usize; 2], classes: &[usize]) -> Self {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for &class in classes {
            match runs.last_mut() {
                Some((last, length)) if *last == class => *length += 1,
                _ => runs.push((class, 1)),
            }
        }
        Self {
            id,
            height,
            width,
            runs,
        }
    }

    /// The class per pixel, row by row; as many as `area`, whatever the file says.
    pub(super) fn classes(&self, area: usize) -> Vec<usize> {
        let mut classes = Vec::with_capacity(area);
        for &(class, length) in &self.runs {
            let left = area - classes.len();
            classes.extend(std::iter::repeat_n(class, length.min(left)));
        }
        classes.resize(area, usize::MAX);
        classes
    }
}

impl PredictedMasks {
    /// Writes the file, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), RunError> {
        json_file::write(path, self)
    }

    pub(super) fn read(path: &Path) -> Result<Self, RunError> {
        json_file::read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_come_back_and_broken_files_do_not_overrun() {
        let classes = [0, 0, 2, 2, 2, 1];
        let mask = PredictedMask::new("a".into(), [2, 3], &classes);
        assert_eq!(mask.runs, [(0, 2), (2, 3), (1, 1)]);
        assert_eq!(mask.classes(6), classes);
        assert_eq!(mask.classes(4), classes[..4]);
        assert_eq!(mask.classes(7)[6], usize::MAX);
        let huge = PredictedMask {
            runs: vec![(1, usize::MAX)],
            ..mask
        };
        assert_eq!(huge.classes(3), [1, 1, 1]);
    }
}
