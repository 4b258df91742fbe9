//! Flips, quarter turns and transpositions: the eight symmetries of the square.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::geometry::rearrange;
use crate::{DataError, Sample, random};

/// A symmetry of the square (dihedral group of order 8). Rotations are counter-clockwise as seen with row 0 on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symmetry {
    /// Nothing moves.
    Identity,
    /// Quarter turn counter-clockwise.
    Rotate90,
    /// Half turn.
    Rotate180,
    /// Three quarter turns counter-clockwise.
    Rotate270,
    /// Left and right change places.
    FlipHorizontal,
    /// Top and bottom change places.
    FlipVertical,
    /// Rows and columns change places (mirror at the main diagonal).
    Transpose,
    /// Mirror at the other diagonal.
    AntiTranspose,
}

impl Symmetry {
    /// All eight; those that keep the extent of a rectangle come first.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Rotate180,
        Self::FlipHorizontal,
        Self::FlipVertical,
        Self::Rotate90,
        Self::Rotate270,
        Self::Transpose,
        Self::AntiTranspose,
    ];

    /// As (transpose first, then mirror rows of the source, then mirror columns of the source).
    fn parts(self) -> (bool, bool, bool) {
        match self {
            Self::Identity => (false, false, false),
            Self::Rotate180 => (false, true, true),
            Self::FlipHorizontal => (false, false, true),
            Self::FlipVertical => (false, true, false),
            Self::Transpose => (true, false, false),
            Self::AntiTranspose => (true, true, true),
            // Result (r, c) of a counter-clockwise turn is source (c, W - 1 - r).
            Self::Rotate90 => (true, false, true),
            Self::Rotate270 => (true, true, false),
        }
    }

    /// Whether height and width change places.
    pub fn swaps_axes(self) -> bool {
        self.parts().0
    }

    /// The symmetry that undoes this one.
    pub fn inverse(self) -> Self {
        match self {
            Self::Rotate90 => Self::Rotate270,
            Self::Rotate270 => Self::Rotate90,
            other => other,
        }
    }

    /// The sample under this symmetry.
    ///
    /// # Errors
    /// [`DataError::Shape`] when a mask has another extent than the image.
    pub fn apply(self, sample: Sample) -> Result<Sample, DataError> {
        let (transposed, mirror_rows, mirror_columns) = self.parts();
        let (height, width) = (sample.image.height, sample.image.width);
        let (new_height, new_width) = if transposed {
            (width, height)
        } else {
            (height, width)
        };
        // Source row (column) as an affine function of the result's row, or of its column when transposed.
        let axis = |mirrored: bool, extent: usize, on_column: bool| {
            let (start, sign) = if mirrored {
                (extent as f64, -1.0)
            } else {
                (0.0, 1.0)
            };
            if on_column {
                [start, sign, 0.0]
            } else {
                [start, 0.0, sign]
            }
        };
        let column = axis(mirror_columns, width, !transposed);
        let row = axis(mirror_rows, height, transposed);
        let map = [column[0], column[1], column[2], row[0], row[1], row[2]];
        rearrange(sample, new_height, new_width, 0.0, map, |r, c| {
            let (r, c) = if transposed { (c, r) } else { (r, c) };
            Some((
                if mirror_rows { height - 1 - r } else { r },
                if mirror_columns { width - 1 - c } else { c },
            ))
        })
    }
}

/// A fixed symmetry as a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dihedral {
    /// The symmetry.
    pub symmetry: Symmetry,
}

/// A symmetry drawn uniformly: from all eight for square images, from the four that keep the extent otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomDihedral {}

impl RandomDihedral {
    /// The sample under the drawn symmetry.
    ///
    /// # Errors
    /// As [`Symmetry::apply`].
    pub fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Sample, DataError> {
        let choices = if sample.image.height == sample.image.width {
            8
        } else {
            4
        };
        Symmetry::ALL[random::below(rng, choices)].apply(sample)
    }
}

/// Independent random flips.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomFlip {
    /// Probability that left and right change places.
    pub horizontal: f64,
    /// Probability that top and bottom change places.
    pub vertical: f64,
}

impl RandomFlip {
    /// The sample, perhaps flipped. Two draws are made whatever the probabilities.
    ///
    /// # Errors
    /// As [`Symmetry::apply`].
    pub fn apply(&self, mut sample: Sample, rng: &mut ChaCha8Rng) -> Result<Sample, DataError> {
        let horizontal = random::unit(rng) < self.horizontal;
        let vertical = random::unit(rng) < self.vertical;
        if horizontal {
            sample = Symmetry::FlipHorizontal.apply(sample)?;
        }
        if vertical {
            sample = Symmetry::FlipVertical.apply(sample)?;
        }
        Ok(sample)
    }
}
