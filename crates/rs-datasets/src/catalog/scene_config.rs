//! The file that says how a scene with labels becomes a data set.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::description::Description;
use crate::io::read_file;
use crate::{DataError, ReadLimits};

/// A TOML file: the scene and its labels in `[scene]`, bands, unit, task and classes in `[dataset]` as manifests have them
/// ([`Description`]). For example:
/// ```toml
/// [scene]
/// image = "scene.tif"
/// labels = { polygons = { path = "fields.geojson", property = "crop", outside = "other" } }
/// window = 64
/// test = 0.3
///
/// [dataset]
/// task = "segmentation"
/// classes = ["other", "maize", "wheat"]
/// unit = "reflectance"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneSet {
    /// Scene, labels, windows, split.
    pub scene: SceneConfig,
    /// What the images are.
    #[serde(default)]
    pub dataset: Description,
}

/// Scene, labels, windows, split. Paths are relative to the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneConfig {
    /// The GeoTIFF.
    pub image: PathBuf,
    /// Where the labels come from.
    pub labels: SceneLabels,
    /// Side of a window in pixels.
    pub window: usize,
    /// Pixels from one window to the next within a block; `window` if absent.
    #[serde(default)]
    pub stride: Option<usize>,
    /// Side of a block in pixels, roughly: the scene is divided evenly. Four windows if absent. Windows never cross the edge of a
    /// block, and a block belongs to one part of the split as a whole, so no pixel is in two parts.
    #[serde(default)]
    pub block: Option<usize>,
    /// Share of the windows in the part `test`, above 0 and below 1.
    #[serde(default = "third")]
    pub test: f64,
    /// Share of the windows in the part `val`; none if 0.
    #[serde(default)]
    pub validation: f64,
    /// Seed of the draw of blocks.
    #[serde(default)]
    pub seed: u64,
    /// Least share of a window's pixels that have a label (segmentation) or the commonest one (classification); other windows are
    /// left out. 0.01 and 0.5 if absent.
    #[serde(default)]
    pub min_share: Option<f64>,
}

fn third() -> f64 {
    0.3
}

/// Where the labels of a scene come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SceneLabels {
    /// A raster of class indices on the grid of the scene; -1, its no-data value and the values in `ignore` are no label.
    Mask(PathBuf),
    /// Polygons with a class each.
    Polygons {
        /// GeoJSON or GeoPackage in the reference system of the scene.
        path: PathBuf,
        /// Property whose value names the class.
        property: String,
        /// Layer of a GeoPackage with several.
        #[serde(default)]
        layer: Option<String>,
        /// Class of pixels that no polygon covers; without it they have no label.
        #[serde(default)]
        outside: Option<String>,
    },
}

impl SceneSet {
    /// Reads the file.
    ///
    /// # Errors
    /// Those of reading it; [`DataError::Manifest`] for what cannot be, with the place.
    pub fn read(path: &Path, limits: &ReadLimits) -> Result<Self, DataError> {
        let bad = |place: &str, detail: String| DataError::Manifest {
            path: path.into(),
            place: place.into(),
            detail,
        };
        let bytes = read_file(path, limits)?;
        let text =
            String::from_utf8(bytes).map_err(|_| bad("the file", "it is not UTF-8 text".into()))?;
        let set: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                1 + text[..span.start.min(text.len())].matches('\n').count()
            });
            bad(&format!("line {line}"), error.message().into())
        })?;
        let scene = &set.scene;
        let check = |holds: bool, what: &str, expected: &str| match holds {
            true => Ok(()),
            false => Err(bad("[scene]", format!("`{what}` must be {expected}"))),
        };
        check(
            (1..=8192).contains(&scene.window),
            "window",
            "1 to 8192 pixels",
        )?;
        let stride = scene.stride.unwrap_or(scene.window);
        check(
            (1..=scene.window).contains(&stride),
            "stride",
            "1 to `window` pixels",
        )?;
        let block = scene.block_side();
        check(
            block >= scene.window && block <= 65_536,
            "block",
            "at least `window` and at most 65536 pixels",
        )?;
        let share = |value: f64| (0.0..1.0).contains(&value);
        check(
            scene.test > 0.0 && share(scene.test),
            "test",
            "above 0 and below 1",
        )?;
        check(
            share(scene.validation),
            "validation",
            "0 or more and below 1",
        )?;
        let left = 1.0 - scene.test - scene.validation;
        check(left > 1e-9, "test and `validation`", "together below 1")?;
        let least = scene.min_share.unwrap_or(0.5);
        check((0.0..=1.0).contains(&least), "min_share", "0 to 1")?;
        Ok(set)
    }
}

impl SceneConfig {
    pub(super) fn block_side(&self) -> usize {
        self.block.unwrap_or_else(|| self.window.saturating_mul(4))
    }
}
