//! How a scene is mapped.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use rs_datasets::BandSet;
use rs_datasets::io::SceneLimits;

use super::ClassColours;

/// A file of probabilities beside the map: one band per class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probabilities {
    /// Where it is written.
    pub path: PathBuf,
    /// Whole per cent as 8-bit numbers (255 is "no data") instead of 32-bit floats (NaN is "no data"): a quarter of the size.
    pub percent: bool,
}

/// How far a map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Windows done, those of an earlier attempt included.
    pub done: usize,
    /// Windows in all.
    pub total: usize,
    /// Windows that an earlier attempt had done.
    pub resumed: usize,
}

/// Called after every batch; `Break` stops the map, and what is finished stays on disk.
pub type Watch<'a> = &'a dyn Fn(Progress) -> ControlFlow<()>;

/// How a scene is mapped.
#[derive(Clone, Debug)]
pub struct MapOptions {
    /// Pixels that neighbouring windows have in common, below the side of a window; a quarter of the shorter side if absent. For
    /// models that say something about each pixel.
    pub overlap: Option<usize>,
    /// Pixels from one window to the next, at most the shorter side of a window and this side if absent. For models that say something
    /// about a window as a whole: a pixel of their map is so large.
    pub stride: Option<usize>,
    /// Windows per forward pass. Part of the identity of a map: other batches may round differently.
    pub batch: usize,
    /// The scene's bands in the order of the file, where they are not those of the model's training images.
    pub bands: Option<Arc<BandSet>>,
    /// Probabilities beside the map.
    pub probabilities: Option<Probabilities>,
    /// Colours of the classes.
    pub colours: ClassColours,
    /// Replace files that exist.
    pub force: bool,
    /// Memory for reading.
    pub limits: SceneLimits,
}

impl MapOptions {
    /// The defaults for a model of these classes: an overlap of a quarter, 16 windows at once, no probabilities.
    pub fn new(classes: &[String]) -> Self {
        Self {
            overlap: None,
            stride: None,
            batch: 16,
            bands: None,
            probabilities: None,
            colours: ClassColours::default_for(classes),
            force: false,
            limits: SceneLimits::default(),
        }
    }
}
