//! Windows laid over images, and images as the samples that their windows are.

use std::sync::Arc;

use rs_datasets::{BandSet, DataError, Dataset, DatasetInfo, Image, Label, Mask, Sample};

use crate::run::last_image::LastImage;

/// Pixels per forward pass where no gradient is taken: sixteen windows of 224.
pub(crate) const BATCH_PIXELS: usize = 16 * 224 * 224;

/// Where windows of `tile` pixels start along a side of `length` pixels: as few as cover it, evenly spaced, the last one flush with
/// the end. PANGAEA's rule, `round(linspace(0, length - tile, ceil(length / tile)))`, halves to even as PyTorch rounds.
pub(crate) fn starts(length: usize, tile: usize) -> Vec<usize> {
    let count = length.div_ceil(tile);
    if count < 2 {
        return vec![0];
    }
    let span = (length - tile) as f64;
    (0..count)
        .map(|i| (span * i as f64 / (count - 1) as f64).round_ties_even() as usize)
        .collect()
}

/// Where windows of `tile` pixels start along a side of `length` pixels if none may share a pixel with another: as many as fit, evenly
/// spaced, with the remainder between them.
fn disjoint_starts(length: usize, tile: usize) -> Vec<usize> {
    let count = length / tile;
    let rest = length - count * tile;
    (0..count)
        .map(|i| i * tile + rest * i / count.saturating_sub(1).max(1))
        .collect()
}

/// Upper left corners of the windows over an image, row by row.
pub(crate) fn places(extent: [usize; 2], window: [usize; 2]) -> Vec<[usize; 2]> {
    let columns = starts(extent[1], window[1]);
    starts(extent[0], window[0])
        .into_iter()
        .flat_map(|top| columns.iter().map(move |&left| [top, left]))
        .collect()
}

/// That windows fit into an image.
pub(crate) fn check_fits(sample: &Sample, [height, width]: [usize; 2]) -> Result<(), DataError> {
    let image = &sample.image;
    if image.height >= height && image.width >= width {
        return Ok(());
    }
    Err(DataError::InSample {
        id: sample.id.clone(),
        source: Box::new(DataError::Shape {
            expected: format!("at least {height} x {width} pixels (choose a smaller input.size)"),
            found: format!("{} x {}", image.height, image.width),
        }),
    })
}

/// The values of a window, `[band, row, column]`.
pub(crate) fn pixels(
    image: &Image,
    [top, left]: [usize; 2],
    [height, width]: [usize; 2],
) -> Vec<f32> {
    let mut values = Vec::with_capacity(image.bands.len() * height * width);
    for band in 0..image.bands.len() {
        values.extend(cut(
            image.band(band),
            image.width,
            [top, left],
            [height, width],
        ));
    }
    values
}

fn cut<T: Copy>(
    plane: &[T],
    side: usize,
    [top, left]: [usize; 2],
    [height, width]: [usize; 2],
) -> Vec<T> {
    (top..top + height)
        .flat_map(|row| &plane[row * side + left..row * side + left + width])
        .copied()
        .collect()
}

/// All windows of some images as samples: what statistics of patches are taken over.
pub(crate) struct Tiled {
    images: LastImage,
    tile: usize,
    /// Image, upper row, left column, id.
    tiles: Vec<(usize, usize, usize, String)>,
}

impl Tiled {
    /// The windows of the images `indices`.
    ///
    /// # Errors
    /// When an image cannot be read or is smaller than a window.
    pub(crate) fn new(
        inner: Arc<dyn Dataset>,
        indices: &[usize],
        tile: usize,
    ) -> Result<Self, DataError> {
        Self::laid(inner, indices, tile, starts)
    }

    /// Windows of all images none of which shares a pixel with another: samples that may be divided into parts.
    ///
    /// # Errors
    /// As [`Tiled::new`].
    pub(crate) fn disjoint(inner: Arc<dyn Dataset>, tile: usize) -> Result<Self, DataError> {
        let all: Vec<usize> = (0..inner.len()).collect();
        Self::laid(inner, &all, tile, disjoint_starts)
    }

    fn laid(
        inner: Arc<dyn Dataset>,
        indices: &[usize],
        tile: usize,
        starts: fn(usize, usize) -> Vec<usize>,
    ) -> Result<Self, DataError> {
        let mut tiles = Vec::new();
        for &index in indices {
            let sample = inner.load(index)?;
            check_fits(&sample, [tile, tile])?;
            for top in starts(sample.image.height, tile) {
                for left in starts(sample.image.width, tile) {
                    let id = format!("{}@{top},{left}", sample.id);
                    tiles.push((index, top, left, id));
                }
            }
        }
        Ok(Self {
            images: LastImage::new(inner),
            tile,
            tiles,
        })
    }
}

impl Dataset for Tiled {
    fn info(&self) -> &DatasetInfo {
        self.images.inner.info()
    }

    fn classes(&self) -> &[String] {
        self.images.inner.classes()
    }

    fn bands(&self) -> &BandSet {
        self.images.inner.bands()
    }

    fn len(&self) -> usize {
        self.tiles.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.tiles[index].3
    }

    fn class_of(&self, _index: usize) -> Option<usize> {
        None
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        self.images.inner.published_split(self.tiles[index].0)
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let (image, top, left, id) = self.tiles.get(index).ok_or(DataError::IndexOutOfRange {
            index,
            len: self.tiles.len(),
        })?;
        let whole = self.images.load(*image)?;
        let (at, extent) = ([*top, *left], [self.tile; 2]);
        let raster = &whole.image;
        let label = match &whole.label {
            Label::Segmentation { width, classes, .. } => Label::Segmentation {
                height: self.tile,
                width: self.tile,
                classes: cut(classes, *width, at, extent),
            },
            other => other.clone(),
        };
        Ok(Sample {
            image: Image::new(
                raster.bands.clone(),
                raster.unit,
                self.tile,
                self.tile,
                pixels(raster, at, extent),
            )?,
            valid: whole.valid.as_ref().map(|mask| Mask {
                height: self.tile,
                width: self.tile,
                valid: cut(&mask.valid, mask.width, at, extent),
            }),
            label,
            id: id.clone(),
            geo: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use rs_datasets::{SyntheticConfig, SyntheticScenes};

    use super::*;

    #[test]
    fn windows_cover_a_side_and_end_with_it() {
        assert_eq!(starts(240, 224), [0, 16]);
        assert_eq!(starts(512, 224), [0, 144, 288]);
        assert_eq!(starts(64, 64), [0]);
        // 0, 2.5, 5: halves to even.
        assert_eq!(starts(13, 8), [0, 5]);
        assert_eq!(starts(21, 8), [0, 6, 13]);
        for (length, tile) in [(513, 224), (225, 224), (1000, 64), (65, 64)] {
            let starts = starts(length, tile);
            assert_eq!(starts.last().unwrap() + tile, length);
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] <= tile));
        }
    }

    #[test]
    fn samples_share_no_pixel() {
        assert_eq!(disjoint_starts(512, 64), starts(512, 64));
        assert_eq!(disjoint_starts(101, 24), [0, 25, 51, 77]);
        assert_eq!(disjoint_starts(30, 24), [0]);
        for (length, tile) in [(512, 64), (101, 24), (100, 33), (65, 64), (47, 5)] {
            let starts = disjoint_starts(length, tile);
            assert_eq!(starts.len(), length / tile);
            assert!(starts.last().unwrap() + tile <= length);
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= tile));
        }
    }

    #[test]
    fn windows_hold_the_pixels_and_labels_of_their_place() {
        let config = SyntheticConfig {
            size: 24,
            ..SyntheticConfig::balanced(1, 3)
        };
        let scenes: Arc<dyn Dataset> = Arc::new(SyntheticScenes::segmentation(config).unwrap());
        let tiled = Tiled::new(scenes.clone(), &[2, 5], 16).unwrap();
        assert_eq!(tiled.len(), 8);
        let whole = scenes.load(5).unwrap();
        // The last one starts in row and column 8.
        let part = tiled.load(7).unwrap();
        assert!(tiled.id(7).starts_with(scenes.id(5)));
        let (Label::Segmentation { classes: all, .. }, Label::Segmentation { classes, .. }) =
            (&whole.label, &part.label)
        else {
            panic!("no masks");
        };
        for (row, column) in [(0, 0), (3, 15), (15, 2)] {
            let (here, there) = (row * 16 + column, (row + 8) * 24 + column + 8);
            assert_eq!(classes[here], all[there]);
            assert_eq!(part.image.band(4)[here], whole.image.band(4)[there]);
        }
        assert!(Tiled::new(scenes, &[0], 32).is_err());
    }
}
