//! Detections of overlapping tiles brought back to their image.

use crate::{BoxError, Detection, NmsScope, Point, nms};

/// What was detected in one tile of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct TileDetections {
    /// Column of the tile's first pixel in the scaled image.
    pub left: f64,
    /// Row of the tile's first pixel in the scaled image.
    pub top: f64,
    /// Size of the scaled image relative to the original one, 1 where tiles were cut from the original.
    pub scale: f64,
    /// Detections in pixels of the tile.
    pub detections: Vec<Detection>,
}

/// The detections of all tiles of one image in pixels of that image, each object once.
///
/// A place p of a tile is (p + (left, top)) / scale in the image. Detections of one class that overlap by more than `threshold` are
/// one object, of which the surest stays; the development kit of DOTA uses 0.1.
///
/// # Errors
/// [`BoxError::Scale`], [`BoxError::Coordinate`] where a place leaves the allowed range, and those of [`nms`].
pub fn merge_tiles(tiles: &[TileDetections], threshold: f64) -> Result<Vec<Detection>, BoxError> {
    let mut all = Vec::with_capacity(tiles.iter().map(|tile| tile.detections.len()).sum());
    for (index, tile) in tiles.iter().enumerate() {
        if !(tile.scale.is_finite() && tile.scale > 0.0) {
            return Err(BoxError::Scale {
                index,
                found: tile.scale,
            });
        }
        for detection in &tile.detections {
            let quad = detection.quad.map(|p| {
                Point::new(
                    (p.x + tile.left) / tile.scale,
                    (p.y + tile.top) / tile.scale,
                )
            })?;
            all.push(Detection { quad, ..*detection });
        }
    }
    let kept = nms(&all, threshold, NmsScope::PerClass)?;
    Ok(kept.into_iter().map(|index| all[index]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quad;

    fn tile(left: f64, scale: f64, x: f64, score: f64, class: usize) -> TileDetections {
        let quad = Quad::from_coordinates([x, 4.0, x + 4.0, 4.0, x + 4.0, 8.0, x, 8.0]).unwrap();
        TileDetections {
            left,
            top: 0.0,
            scale,
            detections: vec![Detection { quad, score, class }],
        }
    }

    #[test]
    fn an_object_in_two_tiles_is_found_once() {
        let tiles = [
            tile(0.0, 1.0, 10.0, 0.6, 0),
            tile(8.0, 1.0, 2.0, 0.9, 0),
            tile(8.0, 1.0, 2.0, 0.5, 1),
        ];
        let merged = merge_tiles(&tiles, 0.1).unwrap();
        assert_eq!(merged.len(), 2);
        assert_eq!((merged[0].score, merged[0].class), (0.9, 0));
        assert_eq!(merged[0].quad.bounds().left, 10.0);
        assert_eq!(merged[1].class, 1);
    }

    #[test]
    fn scaled_tiles_are_scaled_back() {
        let merged = merge_tiles(&[tile(100.0, 0.5, 20.0, 0.6, 0)], 0.1).unwrap();
        let bounds = merged[0].quad.bounds();
        assert_eq!((bounds.left, bounds.top, bounds.width()), (240.0, 8.0, 8.0));
        for bad in [0.0, -1.0, f64::NAN] {
            let error = merge_tiles(&[tile(0.0, bad, 0.0, 0.6, 0)], 0.1).unwrap_err();
            assert!(matches!(error, BoxError::Scale { index: 0, .. }));
        }
        let error = merge_tiles(&[tile(0.0, 1e-300, 9.0, 0.6, 0)], 0.1).unwrap_err();
        assert!(matches!(error, BoxError::Coordinate { .. }), "{error}");
    }
}
