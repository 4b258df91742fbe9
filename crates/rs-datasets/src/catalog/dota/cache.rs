//! The last decoded images: neighbouring tiles and crops come from one image.

use std::sync::{Arc, Mutex, PoisonError};

use super::listing::{Entry, Listing};
use crate::io::{BandAxis, Samples, decode};
use crate::transform::Resize;
use crate::{Band, BandSet, DataError, Image, InputUnit, Interpolation, Label, Mask, Sample};

/// Images held at most.
const SLOTS: usize = 2;

/// An 8-bit picture, `[band, row, column]`.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) values: Vec<u8>,
}

/// The pictures decoded last, by index of the image and scale.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    slots: Mutex<Vec<((usize, u64), Arc<Picture>)>>,
}

impl Pictures {
    /// Image `index` at a scale, decoded now or a moment ago.
    pub(super) fn get(
        &self,
        listing: &Listing,
        index: usize,
        scale: f64,
        interpolation: Interpolation,
    ) -> Result<Arc<Picture>, DataError> {
        let key = (index, scale.to_bits());
        // A thread that panicked between two instructions left the list whole.
        let held = |slots: &[((usize, u64), Arc<Picture>)]| {
            let found = slots.iter().find(|(k, _)| *k == key);
            found.map(|(_, picture)| Arc::clone(picture))
        };
        if let Some(picture) = held(&self.slots.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(picture);
        }
        // Decoding goes on without the lock: two threads may do it twice, but none waits for another image.
        let picture = Arc::new(scaled(
            read(listing, &listing.entries[index])?,
            scale,
            interpolation,
        )?);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= SLOTS {
            slots.remove(0);
        }
        slots.push((key, Arc::clone(&picture)));
        Ok(picture)
    }
}

/// Red, green and blue of a picture; a grey one has the same values in all three.
pub(super) fn bands() -> Result<BandSet, DataError> {
    let band = |name| Band::other(name, "aerial picture", None);
    BandSet::new(["red", "green", "blue"].map(band).to_vec())
}

fn read(listing: &Listing, entry: &Entry) -> Result<Picture, DataError> {
    let path = listing.source.path_of(&entry.file);
    let bytes = listing.source.read(&entry.file)?;
    let raster = decode(bytes, &path, BandAxis::First, listing.source.limits())?;
    let (height, width, bands) = (raster.height, raster.width, raster.bands);
    if (height, width) != (entry.height, entry.width) {
        return Err(DataError::Extent {
            path,
            found: format!("{height} x {width}"),
            expected: format!("{} x {}, as when it was listed", entry.height, entry.width),
        });
    }
    let values = match raster.samples {
        Samples::U8(values) => values,
        other => {
            return Err(DataError::Dtype {
                path,
                expected: "8-bit".into(),
                found: other.dtype().name().into(),
            });
        }
    };
    let values = match bands {
        3 => values,
        1 => values.repeat(3),
        found => {
            return Err(DataError::BandCount {
                path,
                expected: "3 (red, green, blue) or 1 (grey)".into(),
                found,
            });
        }
    };
    Ok(Picture {
        height,
        width,
        values,
    })
}

/// Rows and columns of a scaled picture.
pub(super) fn scaled_extent(extent: usize, scale: f64) -> usize {
    ((extent as f64 * scale).round() as usize).max(1)
}

fn scaled(
    picture: Picture,
    scale: f64,
    interpolation: Interpolation,
) -> Result<Picture, DataError> {
    if scale == 1.0 {
        return Ok(picture);
    }
    let whole = picture.part(
        0,
        0,
        picture.height,
        picture.width,
        String::new(),
        Label::None,
    )?;
    let (height, width) = (
        scaled_extent(picture.height, scale),
        scaled_extent(picture.width, scale),
    );
    let resize = Resize {
        height,
        width,
        interpolation,
    };
    let image = resize.apply(whole)?.image;
    Ok(Picture {
        height,
        width,
        // Bicubic overshoot is cut off, as in any 8-bit picture.
        values: image
            .data
            .iter()
            .map(|v| v.round().clamp(0.0, 255.0) as u8)
            .collect(),
    })
}

impl Picture {
    /// A window as a sample; what reaches beyond the right and lower border is 0 and invalid.
    pub(super) fn part(
        &self,
        top: usize,
        left: usize,
        height: usize,
        width: usize,
        id: String,
        label: Label,
    ) -> Result<Sample, DataError> {
        let rows = height.min(self.height.saturating_sub(top));
        let columns = width.min(self.width.saturating_sub(left));
        let mut data = vec![0f32; 3 * height * width];
        for band in 0..3 {
            for row in 0..rows {
                let from = (band * self.height + top + row) * self.width + left;
                let to = (band * height + row) * width;
                for (value, &byte) in data[to..to + columns]
                    .iter_mut()
                    .zip(&self.values[from..from + columns])
                {
                    *value = f32::from(byte);
                }
            }
        }
        let valid = (rows < height || columns < width).then(|| Mask {
            height,
            width,
            valid: (0..height * width)
                .map(|at| at / width < rows && at % width < columns)
                .collect(),
        });
        Ok(Sample {
            image: Image::new(Arc::new(bands()?), InputUnit::Uint8, height, width, data)?,
            valid,
            label,
            id,
            geo: None,
        })
    }
}
