//! One labelled object.

use oriented_boxes::{Bounds, Point, Quad};

use super::CutRule;
use crate::DataError;

/// An object of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrientedObject {
    /// Its corners in pixels of the image, (0, 0) the outer corner of the first pixel.
    pub quad: Quad,
    /// Index into the data set's class list.
    pub class: usize,
    /// 0 easy, 1 difficult, 2 what a cut left of it. Everything above 0 counts as difficult.
    pub difficulty: u8,
}

impl OrientedObject {
    /// Whether the object should neither be trained on nor counted.
    pub fn is_difficult(&self) -> bool {
        self.difficulty > 0
    }
}

/// Objects after their image of `old` extent (height, width) became one of `new` extent.
///
/// `old_from_new` maps (column, row) of the new image to the old one, `[c0, c_col, c_row, r0, r_col, r_row]`. Where the new image shows
/// all of the old one, every object stays whole, also one that was labelled beyond the border; where something was cut off, objects are
/// cut by [`CutRule::default`].
pub(crate) fn moved(
    objects: &[OrientedObject],
    old_from_new: [f64; 6],
    old: (usize, usize),
    new: (usize, usize),
) -> Result<Vec<OrientedObject>, DataError> {
    let [c0, cc, cr, r0, rc, rr] = old_from_new;
    let determinant = cc * rr - cr * rc;
    if determinant.is_nan() || determinant.abs() <= 1e-12 {
        return Err(DataError::Setting {
            what: "transform of labelled objects".into(),
            detail: format!(
                "the map has determinant {determinant}; expected one that can be inverted"
            ),
        });
    }
    let forward = |p: Point| {
        let (x, y) = (p.x - c0, p.y - r0);
        Point::new(
            (rr * x - cr * y) / determinant,
            (cc * y - rc * x) / determinant,
        )
    };
    let window = Bounds::of_image(new.1, new.0);
    let whole = Bounds::of(&Bounds::of_image(old.1, old.0).corners().map(forward));
    // Rounding of the map is no cut.
    let grace = Bounds {
        left: window.left - 1e-6,
        top: window.top - 1e-6,
        right: window.right + 1e-6,
        bottom: window.bottom + 1e-6,
    };
    let mapped = objects
        .iter()
        .map(|object| {
            let quad = object
                .quad
                .map(forward)
                .map_err(|error| DataError::Setting {
                    what: "transform of labelled objects".into(),
                    detail: error.to_string(),
                })?;
            Ok(OrientedObject { quad, ..*object })
        })
        .collect::<Result<Vec<_>, DataError>>()?;
    if grace.contains(&whole) {
        return Ok(mapped);
    }
    Ok(CutRule::default().cut(&mapped, &window))
}
