//! Example images of a table with oriented objects: the image with its labelled boxes, then with those that every method found, side by side.

use std::path::Path;

use eval::record::RunRecord;
use eval::report::{ExampleImage, ExampleSet};
use image::RgbImage;
use rs_datasets::{Dataset, Label, Sample};

use super::found::DetectedImages;
use crate::run::examples::{encode, picture};
use crate::run::panels::{FirstSeed, colour, legend, side_by_side};
use crate::run::{PlannedRow, RunError, data};

/// Largest side of a panel in pixels.
const SIDE: usize = 320;
/// Least score of a box that is drawn.
const LEAST: f64 = 0.3;

/// Colours of classes, with names for the caption; a class beyond them starts again.
const COLOURS: [(&str, [u8; 3]); 12] = [
    ("yellow", [255, 221, 51]),
    ("cyan", [51, 221, 255]),
    ("orange", [255, 136, 34]),
    ("magenta", [255, 51, 153]),
    ("green", [68, 238, 85]),
    ("red", [255, 51, 51]),
    ("blue", [68, 119, 255]),
    ("violet", [187, 119, 255]),
    ("white", [255, 255, 255]),
    ("pink", [255, 170, 187]),
    ("lime", [204, 255, 102]),
    ("teal", [0, 187, 153]),
];

/// The pictures of one table: for the first seed, the first test images by id.
///
/// # Errors
/// When the data or the detections cannot be read, or a picture cannot be encoded.
pub(crate) fn pictures(
    rows: &[(&PlannedRow, &RunRecord)],
    data_folder: Option<&Path>,
) -> Result<Option<ExampleSet>, RunError> {
    let Some((first, record)) = rows.first() else {
        return Ok(None);
    };
    let Some(shown) = FirstSeed::read(rows, DetectedImages::read)? else {
        return Ok(None);
    };
    let dataset = data::open(&first.row.name, &first.row.experiment.data, data_folder)?;
    let mut images = Vec::new();
    for id in shown.methods[0]
        .1
        .images
        .iter()
        .map(|image| image.id.clone())
    {
        let sample = dataset.load(dataset.index_of(&id)?)?;
        images.push(ExampleImage {
            png: encode(&strip(&sample, &shown.methods), &id)?,
            truth: objects_in_words(dataset.as_ref(), &sample),
            predictions: Vec::new(),
            id,
        });
    }
    Ok(Some(ExampleSet {
        experiment: record.experiment.name.clone(),
        caption: format!(
            "First test images by id, seed {}, each band stretched from its 2nd to its 98th percentile. From left to right: labelled boxes; \
             then boxes found with a score of {LEAST} or more by {}. Colours: {}.",
            shown.seed,
            shown.names(),
            legend(dataset.classes(), &COLOURS)
        ),
        images,
    }))
}

/// All panels of one image in a row.
fn strip(sample: &Sample, methods: &[(String, DetectedImages)]) -> RgbImage {
    let (height, width) = (sample.image.height, sample.image.width);
    let longest = height.max(width);
    // Whole factors where panels grow, so that pixels stay square.
    let factor = if longest <= SIDE {
        (SIDE / longest) as f64
    } else {
        SIDE as f64 / longest as f64
    };
    let scaled = |side: usize| ((side as f64 * factor) as u32).max(1);
    let (tall, wide) = (scaled(height), scaled(width));
    let filter = image::imageops::FilterType::Triangle;
    let blank = image::imageops::resize(&picture(sample), wide, tall, filter);
    let mut truth = blank.clone();
    if let Label::Objects(objects) = &sample.label {
        for object in objects {
            draw(&mut truth, object.quad.coordinates(), object.class, factor);
        }
    }
    let mut panels = vec![truth];
    for (_, found) in methods {
        let mut panel = blank.clone();
        let image = found.images.iter().find(|image| image.id == sample.id);
        let objects = image.map_or(&[][..], |image| &image.objects);
        // The surest last, on top.
        for object in objects.iter().filter(|o| o.score >= LEAST).rev() {
            draw(&mut panel, object.corners, object.class, factor);
        }
        panels.push(panel);
    }
    side_by_side(&panels)
}

/// Draws the sides of a box.
fn draw(picture: &mut RgbImage, corners: [f64; 8], class: usize, factor: f64) {
    let colour = colour(&COLOURS, class);
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    // A box far outside is not followed to its end.
    let corner = |k: usize| {
        let at = |value: f64, side: f64| (value * factor).clamp(-side, 2.0 * side);
        (at(corners[2 * k], width), at(corners[2 * k + 1], height))
    };
    for k in 0..4 {
        let (from, to) = (corner(k), corner((k + 1) % 4));
        let steps = (2.0 * (to.0 - from.0).abs().max((to.1 - from.1).abs()))
            .ceil()
            .max(1.0);
        for step in 0..=steps as usize {
            let share = step as f64 / steps;
            let x = from.0 + share * (to.0 - from.0);
            let y = from.1 + share * (to.1 - from.1);
            if (0.0..width).contains(&x) && (0.0..height).contains(&y) {
                picture.put_pixel(x as u32, y as u32, colour);
            }
        }
    }
}

/// How many objects of each class an image has.
fn objects_in_words(dataset: &dyn Dataset, sample: &Sample) -> String {
    let Label::Objects(objects) = &sample.label else {
        return String::new();
    };
    let named = dataset.classes().iter().enumerate();
    let parts: Vec<String> = named
        .filter_map(|(class, name)| {
            let count = objects.iter().filter(|o| o.class == class).count();
            (count > 0).then(|| format!("{count} {name}"))
        })
        .collect();
    match parts.is_empty() {
        true => "no object".into(),
        false => parts.join(", "),
    }
}
