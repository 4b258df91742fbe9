//! Windows of a scene as the model wants them, read by threads of their own while the model works.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use rayon::prelude::*;
use rs_datasets::io::{SceneFile, SceneWindow};
use rs_datasets::{BandSet, Image, InputUnit, Label, Mask, Sample};

use super::SceneError;

/// A scene with what its values mean.
pub(super) struct Windows<'a> {
    pub(super) scene: &'a SceneFile,
    pub(super) bands: Arc<BandSet>,
    pub(super) unit: InputUnit,
    /// Rows and columns of a window.
    pub(super) window: [usize; 2],
}

/// Neighbouring windows of one row of windows.
pub(super) struct Batch {
    /// Which row of windows.
    pub(super) row: usize,
    /// Which window of the row the first is.
    pub(super) first: usize,
    /// Whether the row ends with this batch.
    pub(super) ends_row: bool,
    pub(super) windows: Vec<Window>,
}

/// A window of the scene.
pub(super) struct Window {
    /// NaN in all bands of pixels that are not measured.
    pub(super) sample: Sample,
    /// Whether each pixel is measured, row by row.
    pub(super) valid: Vec<bool>,
}

impl Windows<'_> {
    /// Reads all windows of `rows x columns` from row of windows `start` on and sends them in batches; ends early when nobody listens.
    pub(super) fn send(
        &self,
        (rows, columns): (&[usize], &[usize]),
        start: usize,
        batch: usize,
        to: &SyncSender<Result<Batch, SceneError>>,
    ) {
        for row in start..rows.len() {
            for first in (0..columns.len()).step_by(batch) {
                let end = (first + batch).min(columns.len());
                let windows: Result<Vec<Window>, SceneError> = columns[first..end]
                    .par_iter()
                    .map(|&column| self.read(rows[row], column))
                    .collect();
                let failed = windows.is_err();
                let batch = windows.map(|windows| Batch {
                    row,
                    first,
                    ends_row: end == columns.len(),
                    windows,
                });
                if to.send(batch).is_err() || failed {
                    return;
                }
            }
        }
    }

    /// The window whose first pixel is (row, column); what lies outside the scene is not measured.
    fn read(&self, row: usize, column: usize) -> Result<Window, SceneError> {
        let [height, width] = self.window;
        let within = SceneWindow {
            row,
            column,
            height: height.min(self.scene.height() - row),
            width: width.min(self.scene.width() - column),
        };
        let raster = self.scene.read(within)?;
        let geo = raster.geo.clone();
        let (image, mask) = raster.into_image(&self.bands, self.unit, self.scene.path())?;
        let mut valid = vec![false; height * width];
        for line in 0..within.height {
            let to = &mut valid[line * width..line * width + within.width];
            match &mask {
                Some(mask) => {
                    let from = line * within.width;
                    to.copy_from_slice(&mask.valid[from..from + within.width]);
                }
                None => to.fill(true),
            }
        }
        let area = height * width;
        let mut data = vec![f32::NAN; self.bands.len() * area];
        for (plane, values) in data.chunks_exact_mut(area).enumerate() {
            let band = image.band(plane);
            for line in 0..within.height {
                for at in 0..within.width {
                    if valid[line * width + at] {
                        values[line * width + at] = band[line * within.width + at];
                    }
                }
            }
        }
        let complete = !valid.contains(&false);
        let sample = Sample {
            image: Image::new(Arc::clone(&self.bands), self.unit, height, width, data)?,
            valid: (!complete).then(|| Mask {
                height,
                width,
                valid: valid.clone(),
            }),
            label: Label::None,
            id: format!("the window at row {row}, column {column}"),
            geo,
        };
        Ok(Window { sample, valid })
    }
}
