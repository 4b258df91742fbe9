//! From a label file to objects of an image.

use std::path::Path;

use oriented_boxes::text::{LabelFile, parse_label_txt};
use oriented_boxes::{Bounds, QuadShape};

use super::{DotaConfig, OddQuads};
use crate::{DataError, OrientedObject};

/// What was found in the label files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelCounts {
    /// Objects that are kept.
    pub objects: usize,
    /// Of these, difficult ones.
    pub difficult: usize,
    /// Of these, quadrilaterals whose crossing sides were untangled.
    pub untangled: usize,
    /// Left out: no area.
    pub degenerate: usize,
    /// Left out: outside the image.
    pub outside: usize,
    /// Left out: of a class that is not in the list.
    pub unknown: usize,
}

/// Reads the text of a label file.
pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<LabelFile, DataError> {
    let text = String::from_utf8(bytes).map_err(|error| DataError::Corrupt {
        path: path.into(),
        format: "labelTxt",
        detail: error.to_string(),
    })?;
    parse_label_txt(&text).map_err(|error| DataError::Manifest {
        path: path.into(),
        place: format!("line {}", error.line),
        detail: error.problem.to_string(),
    })
}

/// The objects of an image of the given extent, as the configuration has them.
pub(super) fn objects(
    path: &Path,
    file: &LabelFile,
    classes: &[String],
    config: &DotaConfig,
    (height, width): (usize, usize),
    counts: &mut LabelCounts,
) -> Result<Vec<OrientedObject>, DataError> {
    let image = Bounds::of_image(width, height);
    let mut objects = Vec::with_capacity(file.objects.len());
    for label in &file.objects {
        let place = || format!("line {}", label.line);
        let refuse = |detail: String| DataError::Manifest {
            path: path.into(),
            place: place(),
            detail,
        };
        let Some(class) = classes.iter().position(|class| *class == label.class) else {
            if config.skip_unknown {
                counts.unknown += 1;
                continue;
            }
            return Err(DataError::UnknownLabel {
                path: path.into(),
                place: place(),
                label: label.class.clone(),
                available: classes.join(", "),
            });
        };
        let mut quad = label.quad;
        match (quad.shape(), config.odd) {
            (QuadShape::Degenerate, OddQuads::Repair) => {
                counts.degenerate += 1;
                continue;
            }
            (QuadShape::Degenerate, OddQuads::Refuse) => {
                return Err(refuse(
                    "the corners span no area; correct or remove the line".into(),
                ));
            }
            (QuadShape::SelfCrossing, OddQuads::Repair) => {
                counts.untangled += 1;
                quad = quad.untangled();
            }
            (QuadShape::SelfCrossing, OddQuads::Refuse) => {
                return Err(refuse(
                    "two sides cross; give the corners in their order around the object".into(),
                ));
            }
            (QuadShape::Convex | QuadShape::Concave, _) => {}
        }
        if !image.overlaps(&quad.bounds()) {
            if config.odd == OddQuads::Repair {
                counts.outside += 1;
                continue;
            }
            return Err(refuse(format!(
                "the object lies outside the image of {height} x {width} pixels; correct or remove the line"
            )));
        }
        counts.objects += 1;
        counts.difficult += usize::from(label.difficulty > 0);
        objects.push(OrientedObject {
            quad,
            class,
            difficulty: label.difficulty,
        });
    }
    Ok(objects)
}
