//! Example images of a table with a class per pixel: the image, its labels, and what every method drew, side by side.

use std::path::Path;

use eval::record::RunRecord;
use eval::report::{ExampleImage, ExampleSet};
use image::{Rgb, RgbImage};
use rs_datasets::{Dataset, Label, Sample};

use super::masks::PredictedMasks;
use crate::run::examples::{encode, picture};
use crate::run::panels::{FirstSeed, colour, legend, side_by_side};
use crate::run::{PlannedRow, RunError, data};

/// Largest side of a panel in pixels.
const SIDE: u32 = 192;

/// Colours of classes, with names for the caption; a class beyond them starts again.
const COLOURS: [(&str, [u8; 3]); 16] = [
    ("grey", [187, 187, 187]),
    ("blue", [0, 119, 187]),
    ("orange", [238, 119, 51]),
    ("teal", [0, 153, 136]),
    ("magenta", [238, 51, 119]),
    ("yellow", [221, 204, 119]),
    ("green", [17, 119, 51]),
    ("purple", [136, 34, 85]),
    ("cyan", [51, 187, 238]),
    ("red", [204, 51, 17]),
    ("brown", [102, 65, 30]),
    ("pink", [255, 170, 187]),
    ("olive", [153, 153, 51]),
    ("violet", [119, 102, 204]),
    ("lime", [187, 204, 51]),
    ("white", [245, 245, 245]),
];
/// Pixels without a label.
const IGNORED: [u8; 3] = [0, 0, 0];

/// The pictures of one table: for the first seed, the first test images by id.
///
/// # Errors
/// When the data or the masks cannot be read, or a picture cannot be encoded.
pub(crate) fn pictures(
    rows: &[(&PlannedRow, &RunRecord)],
    data_folder: Option<&Path>,
) -> Result<Option<ExampleSet>, RunError> {
    let Some((first, record)) = rows.first() else {
        return Ok(None);
    };
    let Some(shown) = FirstSeed::read(rows, PredictedMasks::read)? else {
        return Ok(None);
    };
    let dataset = data::open(&first.row.name, &first.row.experiment.data, data_folder)?;
    let mut images = Vec::new();
    for id in shown.methods[0].1.masks.iter().map(|mask| mask.id.clone()) {
        let sample = dataset.load(dataset.index_of(&id)?)?;
        images.push(ExampleImage {
            png: encode(&strip(&sample, &shown.methods), &id)?,
            truth: shares(dataset.as_ref(), &sample),
            predictions: Vec::new(),
            id,
        });
    }
    Ok(Some(ExampleSet {
        experiment: record.experiment.name.clone(),
        caption: format!(
            "First test images by id, seed {}. From left to right: the image, each band stretched from its 2nd to its 98th percentile; its \
             labels; then {}. Colours: {}; black: not labelled.",
            shown.seed,
            shown.names(),
            legend(dataset.classes(), &COLOURS)
        ),
        images,
    }))
}

/// All panels of one image in a row.
fn strip(sample: &Sample, methods: &[(String, PredictedMasks)]) -> RgbImage {
    let (height, width) = (sample.image.height, sample.image.width);
    let area = height * width;
    let paint = |classes: &[usize]| {
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let class = classes[y as usize * width + x as usize];
            match class {
                usize::MAX => Rgb(IGNORED),
                class => colour(&COLOURS, class),
            }
        })
    };
    let mut panels = vec![picture(sample)];
    if let Label::Segmentation { classes, .. } = &sample.label {
        let truth: Vec<usize> = classes
            .iter()
            .map(|&class| usize::try_from(class).unwrap_or(usize::MAX))
            .collect();
        panels.push(paint(&truth));
    }
    for (_, masks) in methods {
        let mask = masks.masks.iter().find(|mask| mask.id == sample.id);
        let classes = mask.map_or(vec![usize::MAX; area], |mask| mask.classes(area));
        panels.push(paint(&classes));
    }
    let longest = height.max(width) as u32;
    // Whole factors where panels grow, so that pixels stay square.
    let scaled = |side: usize| {
        let side = side as u32;
        if longest <= SIDE {
            side * (SIDE / longest)
        } else {
            (side * SIDE / longest).max(1)
        }
    };
    let (tall, wide) = (scaled(height), scaled(width));
    let filter = image::imageops::FilterType::Nearest;
    let scale = |panel: &RgbImage| image::imageops::resize(panel, wide, tall, filter);
    side_by_side(&panels.iter().map(scale).collect::<Vec<_>>())
}

/// Which share of the labelled pixels each class has, in words.
fn shares(dataset: &dyn Dataset, sample: &Sample) -> String {
    let Label::Segmentation { classes, .. } = &sample.label else {
        return String::new();
    };
    let labelled = classes.iter().filter(|class| **class >= 0).count().max(1);
    let share = |class: usize| {
        let count = classes
            .iter()
            .filter(|c| usize::try_from(**c) == Ok(class))
            .count();
        (count > 0).then(|| 100.0 * count as f64 / labelled as f64)
    };
    let named = dataset.classes().iter().enumerate();
    let parts: Vec<String> = named
        .filter_map(|(class, name)| Some(format!("{name} {:.0} %", share(class)?)))
        .collect();
    parts.join(", ")
}
