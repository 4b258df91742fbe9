//! Pictures that show what every method found in the same test images: which predictions are shown, and panels side by side.

use std::path::Path;

use eval::record::RunRecord;
use image::{Rgb, RgbImage};

use super::{PlannedRow, RunError};

/// Test images kept for the report.
pub(crate) const KEPT: usize = 4;
/// Pixels between two panels.
const GAP: u32 = 4;

/// The predictions of a table's first seed, by method.
pub(crate) struct FirstSeed<T> {
    pub(crate) seed: u64,
    pub(crate) methods: Vec<(String, T)>,
}

impl<T> FirstSeed<T> {
    /// The predictions that rows have for the first seed of the first row; `None` without any.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn read(
        rows: &[(&PlannedRow, &RunRecord)],
        read: impl Fn(&Path) -> Result<T, RunError>,
    ) -> Result<Option<Self>, RunError> {
        let first = rows.first().and_then(|(_, record)| record.results.first());
        let Some(seed) = first.map(|result| result.seed) else {
            return Ok(None);
        };
        let mut methods = Vec::new();
        for (planned, record) in rows {
            let result = record.results.iter().find(|result| result.seed == seed);
            if let Some(file) = result.and_then(|result| result.predictions.as_ref()) {
                let found = read(&planned.folder.join(file))?;
                methods.push((record.experiment.method.clone(), found));
            }
        }
        Ok((!methods.is_empty()).then_some(Self { seed, methods }))
    }

    /// The methods' names for a caption.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.methods.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

/// The colour of a class; those beyond the list start again.
pub(crate) fn colour(colours: &[(&str, [u8; 3])], class: usize) -> Rgb<u8> {
    Rgb(colours[class % colours.len()].1)
}

/// Which class has which colour, for a caption.
pub(crate) fn legend(classes: &[String], colours: &[(&str, [u8; 3])]) -> String {
    let parts: Vec<String> = classes
        .iter()
        .enumerate()
        .map(|(class, name)| format!("{name} {}", colours[class % colours.len()].0))
        .collect();
    parts.join(", ")
}

/// Panels of equal size in a row.
pub(crate) fn side_by_side(panels: &[RgbImage]) -> RgbImage {
    let (wide, tall) = panels.first().map_or((0, 0), |panel| panel.dimensions());
    let count = panels.len() as u32;
    let width = count * wide + count.saturating_sub(1) * GAP;
    let mut strip = RgbImage::from_pixel(width, tall, Rgb([255; 3]));
    for (place, panel) in (0..).zip(panels) {
        image::imageops::replace(&mut strip, panel, i64::from(place * (wide + GAP)), 0);
    }
    strip
}
