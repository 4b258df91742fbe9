//! The one place where pixels change position: image, valid mask, label mask, objects and georeference move together.

use crate::{DataError, GeoReference, Image, Label, Mask, Sample, objects};

/// Marks a pixel of the result that no pixel of the source lands on.
const OUTSIDE: usize = usize::MAX;

/// The sample on a new grid: pixel (row, column) of the result is the source pixel `source(row, column)`, or, where that is
/// `None`, the value `fill`, invalid, with label -1.
///
/// `old_from_new` maps (column, row) of the result to those of the source in continuous pixel-corner coordinates, as
/// `[c0, c_col, c_row, r0, r_col, r_row]`: col = c0 + c_col * col' + c_row * row', row = r0 + r_col * col' + r_row * row'.
pub(super) fn rearrange(
    mut sample: Sample,
    height: usize,
    width: usize,
    fill: f32,
    old_from_new: [f64; 6],
    source: impl Fn(usize, usize) -> Option<(usize, usize)>,
) -> Result<Sample, DataError> {
    check_masks(&sample)?;
    let old_width = sample.image.width;
    let mut index = Vec::with_capacity(height * width);
    for row in 0..height {
        for column in 0..width {
            index.push(source(row, column).map_or(OUTSIDE, |(r, c)| r * old_width + c));
        }
    }
    let image = &sample.image;
    let mut data = Vec::with_capacity(image.bands.len() * index.len());
    for band in 0..image.bands.len() {
        let plane = image.band(band);
        data.extend(
            index
                .iter()
                .map(|&at| if at == OUTSIDE { fill } else { plane[at] }),
        );
    }
    if sample.valid.is_some() || index.contains(&OUTSIDE) {
        let old = sample.valid.take();
        let keep = |at: usize| at != OUTSIDE && old.as_ref().is_none_or(|mask| mask.valid[at]);
        sample.valid = Some(Mask {
            height,
            width,
            valid: index.iter().map(|&at| keep(at)).collect(),
        });
    }
    if let Label::Segmentation { classes, .. } = &sample.label {
        let classes = index
            .iter()
            .map(|&at| if at == OUTSIDE { -1 } else { classes[at] })
            .collect();
        sample.label = Label::Segmentation {
            height,
            width,
            classes,
        };
    }
    move_objects(&mut sample, old_from_new, height, width)?;
    let image = &sample.image;
    sample.image = Image::new(image.bands.clone(), image.unit, height, width, data)?;
    sample.geo = sample.geo.map(|geo| compose(&geo, old_from_new));
    Ok(sample)
}

/// Moves labelled objects from the sample's present image to one of `height` x `width` pixels; other labels stay.
pub(super) fn move_objects(
    sample: &mut Sample,
    old_from_new: [f64; 6],
    height: usize,
    width: usize,
) -> Result<(), DataError> {
    if let Label::Objects(all) = &sample.label {
        let old = (sample.image.height, sample.image.width);
        sample.label = Label::Objects(objects::moved(all, old_from_new, old, (height, width))?);
    }
    Ok(())
}

/// The georeference of a grid whose pixels lie at `old_from_new` in the old one.
pub(super) fn compose(geo: &GeoReference, old_from_new: [f64; 6]) -> GeoReference {
    let [c0, cc, cr, r0, rc, rr] = old_from_new;
    let t = geo.transform;
    let line =
        |t0: f64, tc: f64, tr: f64| [t0 + tc * c0 + tr * r0, tc * cc + tr * rc, tc * cr + tr * rr];
    let (x, y) = (line(t[0], t[1], t[2]), line(t[3], t[4], t[5]));
    GeoReference {
        transform: [x[0], x[1], x[2], y[0], y[1], y[2]],
        epsg: geo.epsg,
    }
}

/// That the masks have the extent of the image.
pub(super) fn check_masks(sample: &Sample) -> Result<(), DataError> {
    let Image { height, width, .. } = sample.image;
    let check = |what: &str, h: usize, w: usize, len: usize| {
        if (h, w, len) == (height, width, height * width) {
            return Ok(());
        }
        Err(DataError::Shape {
            expected: format!("a {what} of {height} x {width} pixels, like the image"),
            found: format!("{h} x {w} with {len} values"),
        })
    };
    if let Some(mask) = &sample.valid {
        check("valid mask", mask.height, mask.width, mask.valid.len())?;
    }
    if let Label::Segmentation {
        height,
        width,
        classes,
    } = &sample.label
    {
        check("label mask", *height, *width, classes.len())?;
    }
    Ok(())
}

/// That an extent asked for is neither 0 nor beyond 65,536, so that a typing error cannot exhaust the memory.
pub(super) fn check_extent(step: &str, height: usize, width: usize) -> Result<(), DataError> {
    const LARGEST: usize = 1 << 16;
    if (1..=LARGEST).contains(&height) && (1..=LARGEST).contains(&width) {
        return Ok(());
    }
    Err(DataError::Setting {
        what: step.into(),
        detail: format!("extent {height} x {width}; expected 1 to {LARGEST} rows and columns"),
    })
}
