//! Detections of a seed as a file: what the report's pictures read. All detections stand in DOTA's Task 1 files beside it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::evaluate::Found;
use crate::run::{RunError, json_file};

/// Most detections of an image in the file, the surest ones.
const MOST: usize = 200;

/// The detections in the first test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectedImages {
    /// Class names.
    pub(crate) classes: Vec<String>,
    /// In the order of the sorted ids.
    pub(crate) images: Vec<DetectedImage>,
}

/// The detections in one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectedImage {
    /// Id of the image.
    pub(crate) id: String,
    /// Surest first.
    pub(crate) objects: Vec<DetectedObject>,
}

/// One detection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectedObject {
    /// Index into the class names.
    pub(crate) class: usize,
    /// 0 to 1.
    pub(crate) score: f64,
    /// `x1 y1 x2 y2 x3 y3 x4 y4` in pixels of the image.
    pub(crate) corners: [f64; 8],
}

impl Found {
    /// The detections in the first images.
    pub(super) fn first(&self, images: usize) -> DetectedImages {
        let listed = self.truth.images().iter().take(images).enumerate();
        let images = listed.map(|(index, image)| {
            let of_class = |(class, boxes): (usize, &Vec<eval::oriented::ScoredBox>)| {
                let here = boxes.iter().filter(|found| found.image == index);
                here.map(|found| DetectedObject {
                    class,
                    score: found.score,
                    corners: found.quad.coordinates(),
                })
                .collect::<Vec<_>>()
            };
            let mut objects: Vec<_> = self.boxes.iter().enumerate().flat_map(of_class).collect();
            objects.sort_by(|a, b| b.score.total_cmp(&a.score));
            objects.truncate(MOST);
            DetectedImage {
                id: image.name.clone(),
                objects,
            }
        });
        DetectedImages {
            classes: self.truth.classes().to_vec(),
            images: images.collect(),
        }
    }
}

impl DetectedImages {
    /// Writes the file, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), RunError> {
        json_file::write(path, self)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`RunError::Io`] or [`RunError::Json`].
    pub(super) fn read(path: &Path) -> Result<Self, RunError> {
        json_file::read(path)
    }
}
