//! Class indices of any window of a scene, from a mask or from polygons.

use std::path::Path;

use super::scene_config::SceneLabels;
use crate::io::{SceneFile, SceneLimits, SceneWindow};
use crate::vector::{Polygon, PolygonSource, burn_polygon, read_polygons};
use crate::{DataError, ReadLimits};

/// Labels on the grid of a scene.
#[derive(Debug)]
pub(super) enum Labels {
    Mask {
        file: Box<SceneFile>,
        ignore: Vec<i32>,
        classes: Vec<String>,
    },
    Polygons {
        shapes: Vec<Shape>,
        outside: i32,
    },
}

/// A polygon in pixel coordinates (column, row) of the whole scene.
#[derive(Debug)]
pub(super) struct Shape {
    class: i32,
    rings: Polygon,
    /// Least and greatest column and row, `[x0, y0, x1, y1]`.
    bounds: [f64; 4],
}

impl Labels {
    /// Opens the labels of a scene.
    ///
    /// # Errors
    /// [`DataError::Extent`] or [`DataError::Grid`] for a mask on another grid, [`DataError::Vector`], [`DataError::UnknownLabel`] for a
    /// polygon of a class that is not listed, [`DataError::Setting`] for `outside`.
    pub(super) fn open(
        config: &SceneLabels,
        base: &Path,
        scene: &SceneFile,
        classes: &[String],
        ignore: &[i32],
        limits: &ReadLimits,
    ) -> Result<Self, DataError> {
        match config {
            SceneLabels::Mask(path) => {
                let path = base.join(path);
                let file = SceneFile::open(&path, SceneLimits::default())?;
                same_grid(&file, scene)?;
                Ok(Self::Mask {
                    file: Box::new(file),
                    ignore: ignore.to_vec(),
                    classes: classes.to_vec(),
                })
            }
            SceneLabels::Polygons {
                path,
                property,
                layer,
                outside,
            } => {
                let source = PolygonSource {
                    path: base.join(path),
                    property: property.clone(),
                    layer: layer.clone(),
                };
                let features = read_polygons(&source, scene.geo(), limits)?;
                let index = |name: &str| classes.iter().position(|class| class == name);
                let outside = match outside {
                    None => -1,
                    Some(name) => index(name).ok_or_else(|| DataError::Setting {
                        what: "outside".into(),
                        detail: format!("no class `{name}`; there are: {}", classes.join(", ")),
                    })? as i32,
                };
                // The scene's place is known: `read_polygons` refuses one without.
                let transform = scene.geo().map_or([0.0; 6], |geo| geo.transform);
                let mut shapes = Vec::with_capacity(features.features.len());
                for (at, feature) in features.features.into_iter().enumerate() {
                    let class = index(&feature.class).ok_or_else(|| DataError::UnknownLabel {
                        path: source.path.clone(),
                        place: format!("feature {}", at + 1),
                        label: feature.class.clone(),
                        available: classes.join(", "),
                    })?;
                    let polygons = feature.polygons.into_iter();
                    shapes.extend(polygons.map(|rings| Shape::new(class as i32, rings, transform)));
                }
                Ok(Self::Polygons { shapes, outside })
            }
        }
    }

    /// Class indices of a window, row by row; -1 where there is no label.
    pub(super) fn read(&self, window: SceneWindow) -> Result<Vec<i32>, DataError> {
        match self {
            Self::Polygons { shapes, outside } => {
                let mut labels = vec![*outside; window.height * window.width];
                let (left, top) = (window.column as f64, window.row as f64);
                for shape in shapes {
                    let [x0, y0, x1, y1] = shape.bounds;
                    let apart = x1 <= left
                        || y1 <= top
                        || x0 >= left + window.width as f64
                        || y0 >= top + window.height as f64;
                    if apart {
                        continue;
                    }
                    let moved: Polygon = shape
                        .rings
                        .iter()
                        .map(|ring| ring.iter().map(|[x, y]| [x - left, y - top]).collect())
                        .collect();
                    burn_polygon(&moved, [window.height, window.width], |row, from, to| {
                        labels[row * window.width + from..row * window.width + to]
                            .fill(shape.class);
                    });
                }
                Ok(labels)
            }
            Self::Mask {
                file,
                ignore,
                classes,
            } => {
                let raster = file.read(window)?;
                let valid = raster.valid.as_deref();
                let values = raster.samples.into_f32();
                let label = |(at, &value): (usize, &f32)| {
                    let index = value as i32;
                    let ignored = valid.is_some_and(|valid| !valid[at])
                        || value == -1.0
                        || (value.fract() == 0.0 && ignore.contains(&index));
                    if ignored {
                        return Ok(-1);
                    }
                    if value.fract() == 0.0 && value >= 0.0 && (value as usize) < classes.len() {
                        return Ok(index);
                    }
                    let (row, column) = (at / window.width, at % window.width);
                    Err(DataError::UnknownLabel {
                        path: file.path().into(),
                        place: format!(
                            "row {}, column {}",
                            window.row + row,
                            window.column + column
                        ),
                        label: value.to_string(),
                        available: format!(
                            "-1 or an entry of `ignore` (no label), 0 to {}",
                            classes.len().saturating_sub(1)
                        ),
                    })
                };
                values.iter().enumerate().map(label).collect()
            }
        }
    }
}

impl Shape {
    fn new(class: i32, rings: Polygon, transform: [f64; 6]) -> Self {
        let [x0, a, b, y0, c, d] = transform;
        let determinant = a * d - b * c;
        let pixel = |[x, y]: [f64; 2]| {
            let (x, y) = (x - x0, y - y0);
            [(d * x - b * y) / determinant, (a * y - c * x) / determinant]
        };
        let rings: Polygon = rings
            .into_iter()
            .map(|ring| ring.into_iter().map(pixel).collect())
            .collect();
        let start = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        let bounds = rings.iter().flatten().fold(start, |[a, b, c, d], &[x, y]| {
            [a.min(x), b.min(y), c.max(x), d.max(y)]
        });
        Self {
            class,
            rings,
            bounds,
        }
    }
}

/// Refuses a mask of another extent or place than the scene.
fn same_grid(mask: &SceneFile, scene: &SceneFile) -> Result<(), DataError> {
    let path = mask.path().to_path_buf();
    if mask.bands() != 1 {
        return Err(DataError::BandCount {
            path,
            expected: "1 (class index)".into(),
            found: mask.bands(),
        });
    }
    let (height, width) = (scene.height(), scene.width());
    if (mask.height(), mask.width()) != (height, width) {
        return Err(DataError::Extent {
            path,
            found: format!("{} x {}", mask.height(), mask.width()),
            expected: format!("{height} x {width}, as its scene has"),
        });
    }
    let (Some(found), Some(expected)) = (mask.geo(), scene.geo()) else {
        return Ok(());
    };
    // A thousandth of a pixel at the far corner is rounding.
    let extents = [1.0, width as f64, height as f64];
    let pixel = expected.transform[1].hypot(expected.transform[4]);
    let far = (0..6).any(|at| {
        let gap = (found.transform[at] - expected.transform[at]).abs() * extents[at % 3];
        gap > 1e-3 * pixel
    });
    let other = matches!((found.epsg, expected.epsg), (Some(a), Some(b)) if a != b);
    if far || other {
        let words = |geo: &crate::GeoReference| format!("{:?}, EPSG {:?}", geo.transform, geo.epsg);
        return Err(DataError::Grid {
            path,
            found: words(found),
            expected: words(expected),
        });
    }
    Ok(())
}
