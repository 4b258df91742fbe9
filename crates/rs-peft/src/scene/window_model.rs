//! What a map needs of a model.

use std::sync::Arc;

use rs_datasets::{BandSet, InputUnit, Sample};

/// Why a model failed.
pub type ModelFailure = Box<dyn std::error::Error + Send + Sync>;

/// What a model says about a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// A class for each pixel: logits `[windows, classes, height, width]`.
    Pixels,
    /// One class for the window as a whole: logits `[windows, classes]`.
    Windows,
}

/// A model that answers for windows of one size.
pub trait WindowModel {
    /// Class names, in the order of the logits; at most 255.
    fn classes(&self) -> &[String];

    /// What it says about a window.
    fn kind(&self) -> MapKind;

    /// Rows and columns of a window.
    fn window(&self) -> [usize; 2];

    /// Bands of the images it was trained on, in the order of their files; a scene has the same unless its bands are named.
    fn bands(&self) -> Arc<BandSet>;

    /// Unit of the values it reads.
    fn unit(&self) -> InputUnit;

    /// Text that differs where the logits may differ: weights, settings, backend. Rows that were finished under another identity are
    /// not gone on from.
    fn identity(&self) -> String;

    /// Logits of windows, row-major, in the shape that [`WindowModel::kind`] says.
    ///
    /// Every window has [`WindowModel::window`] pixels, at least one of them measured. A pixel without a measurement (no data, or
    /// outside the scene) is NaN in every band and marked in the sample's mask; what takes its place is the model's own choice.
    ///
    /// # Errors
    /// Whatever the model says.
    fn logits(&self, windows: &[Sample]) -> Result<Vec<f32>, ModelFailure>;
}
