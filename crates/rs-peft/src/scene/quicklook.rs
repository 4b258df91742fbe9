//! A small picture of a map with its legend.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use rs_datasets::io::{Samples, SceneFile, SceneLimits, SceneWindow, write_atomically};

use super::rows::NO_CLASS;
use super::{ClassColours, SceneError, font};

/// Most pixels of the longer side of the map in the picture.
const LONGEST: usize = 1024;
/// Classes that a legend has room for.
const LEGEND: usize = 40;
/// Pixels around parts of the picture.
const MARGIN: u32 = 12;
/// Pixels between the lines of the legend.
const LINE: u32 = 22;
const SCALE: u32 = 2;

/// Writes a PNG of a map: every n-th pixel of every n-th row in the colours of the classes, white where there is no class, and to the
/// right a legend with the share of each class among the pixels shown. A class that is nowhere is listed too.
///
/// # Errors
/// Those of reading the map and of writing the picture.
pub fn write_quicklook(
    map: &Path,
    classes: &[String],
    colours: &ClassColours,
    picture: &Path,
) -> Result<(), SceneError> {
    let map = SceneFile::open(map, SceneLimits::default())?;
    let step = map.height().max(map.width()).div_ceil(LONGEST).max(1);
    let (height, width) = (map.height().div_ceil(step), map.width().div_ceil(step));
    let mut values = Vec::with_capacity(height * width);
    for row in 0..height {
        let line = map.read(SceneWindow {
            row: row * step,
            column: 0,
            height: 1,
            width: map.width(),
        })?;
        match line.samples {
            Samples::U8(line) => values.extend(line.iter().step_by(step)),
            other => values.extend(vec![NO_CLASS; other.len().div_ceil(step)]),
        }
    }
    // Small maps are enlarged, so that a cell can be seen.
    let enlarge = (LONGEST / 2 / height.max(width)).max(1);
    let drawn = [height * enlarge, width * enlarge].map(|extent| extent as u32);
    let shown = classes.len().min(LEGEND);
    let share = |class: usize| {
        let count = values
            .iter()
            .filter(|&&value| usize::from(value) == class)
            .count();
        let of = values.iter().filter(|&&value| value != NO_CLASS).count();
        100.0 * count as f64 / of.max(1) as f64
    };
    let mut lines: Vec<(Option<[u8; 3]>, String)> = (0..shown)
        .map(|class| {
            let name: String = classes[class].chars().take(32).collect();
            (
                Some(colours.0[class]),
                format!("{name} {:.1} %", share(class)),
            )
        })
        .collect();
    if shown < classes.len() {
        lines.push((None, format!("and {} more", classes.len() - shown)));
    }
    if values.contains(&NO_CLASS) {
        lines.push((Some([255; 3]), "no data".into()));
    }
    let letters = lines.iter().map(|(_, text)| text.chars().count()).max();
    let legend_width = 2 * MARGIN + 24 + letters.unwrap_or(0) as u32 * font::ADVANCE * SCALE;
    let legend_height = lines.len() as u32 * LINE;
    let mut image = RgbImage::from_pixel(
        2 * MARGIN + drawn[1] + legend_width,
        2 * MARGIN + drawn[0].max(legend_height),
        Rgb([255; 3]),
    );
    for (x, y) in (0..drawn[0] * drawn[1]).map(|at| (at % drawn[1], at / drawn[1])) {
        let value = values[y as usize / enlarge * width + x as usize / enlarge];
        if let Some(colour) = colours.0.get(usize::from(value)) {
            image.put_pixel(MARGIN + x, MARGIN + y, Rgb(*colour));
        }
    }
    let left = 2 * MARGIN + drawn[1];
    for (at, (colour, text)) in (0..).zip(&lines) {
        let top = MARGIN + at * LINE;
        if let Some(colour) = colour {
            for (x, y) in (0..16 * 16).map(|at| (at % 16, at / 16)) {
                let edge = x == 0 || y == 0 || x == 15 || y == 15;
                let colour = if edge { [96; 3] } else { *colour };
                image.put_pixel(left + x, top + y, Rgb(colour));
            }
        }
        font::draw(&mut image, left + 24, top + 1, SCALE, text);
    }
    let mut bytes = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .map_err(|source| SceneError::Picture {
            path: picture.into(),
            source,
        })?;
    Ok(write_atomically(picture, &bytes)?)
}
