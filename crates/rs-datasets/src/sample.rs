//! One labelled image of a data set.

use crate::{GeoReference, Image, Mask, OrientedObject};

/// The label of a sample, by task.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// Index into the data set's class list.
    Class(usize),
    /// Indices into the class list, rising: every class that occurs in the image.
    Classes(Vec<usize>),
    /// One class index per pixel, row-major; `-1` is "ignore".
    Segmentation {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Class index per pixel, `-1` where it is to be ignored.
        classes: Vec<i32>,
    },
    /// Objects with oriented boxes; none in an image without objects.
    Objects(Vec<OrientedObject>),
    /// No label is known.
    None,
}

/// One image with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The raster, in raw physical units.
    pub image: Image,
    /// Which pixels are valid; `None` when all are.
    pub valid: Option<Mask>,
    /// The label.
    pub label: Label,
    /// Identity of the source image, kept through every subset (e.g. `Forest_1031`).
    pub id: String,
    /// Where the image lies on the ground, if known.
    pub geo: Option<GeoReference>,
}
