//! What can be wrong with a box.

/// Errors of geometry; each says what was expected, what was found and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BoxError {
    /// A coordinate is NaN, infinite or absurdly large.
    #[error(
        "{what} is {found}; expected a finite number of pixels within ±{limit:e}; correct the file or the model's output"
    )]
    Coordinate {
        /// Which number.
        what: &'static str,
        /// The number found.
        found: f64,
        /// The largest magnitude allowed.
        limit: f64,
    },
    /// A side is negative.
    #[error("{what} is {found}; expected a length of at least 0 pixels")]
    Side {
        /// `width` or `height`.
        what: &'static str,
        /// The number found.
        found: f64,
    },
    /// Points that span no area where an area is needed.
    #[error("{what}: {points} points span no area; leave the object out")]
    NoArea {
        /// What was to be computed.
        what: &'static str,
        /// How many points were given.
        points: usize,
    },
    /// A score is NaN or infinite.
    #[error("detection {index} has the score {found}; expected a finite number")]
    Score {
        /// Index of the detection.
        index: usize,
        /// The score found.
        found: f64,
    },
    /// A threshold on the overlap is not in 0..=1.
    #[error("IoU threshold {found}; expected a number from 0 to 1")]
    Threshold {
        /// The number found.
        found: f64,
    },
    /// A tile's scale is not positive.
    #[error("tile {index} has the scale {found}; expected a finite number above 0")]
    Scale {
        /// Index of the tile.
        index: usize,
        /// The number found.
        found: f64,
    },
}
