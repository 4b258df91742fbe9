//! What is read of DOTA and how.

use oriented_boxes::dota::DotaVersion;

use crate::objects::CutRule;
use crate::{DataError, Interpolation};

/// What becomes of labels that no sensible object can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OddQuads {
    /// Crossing sides are untangled; objects without area or outside the image are left out. All are counted.
    #[default]
    Repair,
    /// Each is an error that names file and line.
    Refuse,
}

/// What is read of DOTA.
#[derive(Clone, Debug, PartialEq)]
pub struct DotaConfig {
    /// Whose classes count.
    pub version: DotaVersion,
    /// Names of classes instead of those of the version; for other data in DOTA's layout.
    pub classes: Option<Vec<String>>,
    /// Whether objects of other classes are left out and counted; else they are errors that name file and line.
    pub skip_unknown: bool,
    /// What becomes of odd quadrilaterals.
    pub odd: OddQuads,
}

impl Default for DotaConfig {
    /// The 15 classes of version 1.0; unknown classes are errors.
    fn default() -> Self {
        Self {
            version: DotaVersion::V1_0,
            classes: None,
            skip_unknown: false,
            odd: OddQuads::Repair,
        }
    }
}

/// How images are cut into tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct TileConfig {
    /// Edge of a tile in pixels of the scaled image.
    pub size: usize,
    /// Pixels that neighbouring tiles share.
    pub overlap: usize,
    /// Sizes of the scaled images relative to the original ones.
    pub scales: Vec<f64>,
    /// How images are scaled.
    pub interpolation: Interpolation,
    /// How objects are cut.
    pub cut: CutRule,
    /// Whether tiles without an object are listed.
    pub keep_empty: bool,
    /// Whether tiles of images that are smaller than a tile are padded at the right and the bottom (0, invalid), so that all have one size.
    pub pad: bool,
}

impl Default for TileConfig {
    /// 1,024 pixels, overlap 200, one scale, the development kit's rule, all tiles, padded.
    fn default() -> Self {
        Self {
            size: 1024,
            overlap: 200,
            scales: vec![1.0],
            interpolation: Interpolation::Bilinear,
            cut: CutRule::default(),
            keep_empty: true,
            pad: true,
        }
    }
}

impl TileConfig {
    /// That every setting is in its range.
    ///
    /// # Errors
    /// [`DataError::Setting`].
    pub fn validate(&self) -> Result<(), DataError> {
        let bad = |detail: String| {
            Err(DataError::Setting {
                what: "tiles".into(),
                detail,
            })
        };
        if !(16..=8192).contains(&self.size) {
            return bad(format!("size {}; expected 16 to 8192 pixels", self.size));
        }
        if self.overlap >= self.size {
            return bad(format!(
                "overlap {}; expected less than the size {}",
                self.overlap, self.size
            ));
        }
        if self.scales.is_empty() {
            return bad("no scale; expected at least one".into());
        }
        for (at, &scale) in self.scales.iter().enumerate() {
            if !(0.05..=8.0).contains(&scale) {
                return bad(format!("scale {scale}; expected 0.05 to 8"));
            }
            if self.scales[..at].contains(&scale) {
                return bad(format!("scale {scale} is listed twice"));
            }
        }
        self.cut.validate()
    }
}

/// Which part of an image shows an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CropShape {
    /// A square around the middle of the object's bounds, moved into the image where it reaches out of it.
    #[default]
    Square,
    /// The object's axis-parallel bounds; resizing then changes the aspect ratio.
    Bounds,
}

/// How objects are cut out for classification.
#[derive(Clone, Debug, PartialEq)]
pub struct CropConfig {
    /// Edge of the result in pixels.
    pub size: usize,
    /// Which part of the image.
    pub shape: CropShape,
    /// Edge of the part relative to the object's longer side (or bounds), at least 1.
    pub context: f64,
    /// Objects whose bounds are shorter than this in both directions are left out, in pixels.
    pub min_side: usize,
    /// Whether difficult objects are left out.
    pub skip_difficult: bool,
    /// How crops are resized.
    pub interpolation: Interpolation,
}

impl Default for CropConfig {
    /// 512 pixels (the input of Stable Diffusion in debLoRA), squares without context, every object of at least 2 pixels.
    fn default() -> Self {
        Self {
            size: 512,
            shape: CropShape::Square,
            context: 1.0,
            min_side: 2,
            skip_difficult: false,
            interpolation: Interpolation::Bilinear,
        }
    }
}

impl CropConfig {
    /// That every setting is in its range.
    ///
    /// # Errors
    /// [`DataError::Setting`].
    pub fn validate(&self) -> Result<(), DataError> {
        let bad = |detail: String| {
            Err(DataError::Setting {
                what: "object crops".into(),
                detail,
            })
        };
        if !(8..=4096).contains(&self.size) {
            return bad(format!("size {}; expected 8 to 4096 pixels", self.size));
        }
        if !(1.0..=10.0).contains(&self.context) {
            return bad(format!("context {}; expected 1 to 10", self.context));
        }
        Ok(())
    }
}
