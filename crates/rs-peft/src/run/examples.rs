//! Example images for the report: the first test image of each class, with what every method said.

use std::collections::BTreeMap;
use std::path::Path;

use eval::record::RunRecord;
use eval::report::{ExampleImage, ExamplePrediction, ExampleSet};
use rs_datasets::Sample;

use super::{PlannedRow, Predictions, RunError, data};
use super::{detection, segmentation::pictures};

/// Side in pixels to which small examples are enlarged.
const SIDE: u32 = 128;

/// Examples of one table: for the first seed, the first test image of each class in the order of ids.
///
/// # Errors
/// When the data or the predictions cannot be read, or an image cannot be encoded.
pub fn examples(
    rows: &[(&PlannedRow, &RunRecord)],
    data_folder: Option<&Path>,
) -> Result<Option<ExampleSet>, RunError> {
    let Some((first, record)) = rows.first() else {
        return Ok(None);
    };
    if first.row.experiment.segmentation.is_some() {
        return pictures(rows, data_folder);
    }
    if first.row.experiment.detection.is_some() {
        return detection::pictures(rows, data_folder);
    }
    let Some(seed) = record.results.first().map(|result| result.seed) else {
        return Ok(None);
    };
    let dataset = data::open(&first.row.name, &first.row.experiment.data, data_folder)?;
    let mut chosen: BTreeMap<usize, String> = BTreeMap::new();
    let mut said: BTreeMap<String, Vec<ExamplePrediction>> = BTreeMap::new();
    for (planned, record) in rows {
        let Some(result) = record.results.iter().find(|result| result.seed == seed) else {
            continue;
        };
        let Some(file) = &result.predictions else {
            continue;
        };
        let predictions = Predictions::read(&planned.folder.join(file))?;
        if chosen.is_empty() {
            for (id, &class) in predictions.ids.iter().zip(&predictions.truth) {
                chosen.entry(class).or_insert_with(|| id.clone());
            }
        }
        for id in chosen.values() {
            let Some(at) = predictions.ids.iter().position(|other| other == id) else {
                continue;
            };
            said.entry(id.clone()).or_default().push(ExamplePrediction {
                method: record.experiment.method.clone(),
                class: predictions
                    .classes
                    .get(predictions.predicted[at])
                    .cloned()
                    .unwrap_or_default(),
                confidence: predictions
                    .confidence
                    .as_ref()
                    .and_then(|c| c.get(at))
                    .map(|&c| f64::from(c)),
            });
        }
    }
    let mut images = Vec::new();
    for (class, id) in chosen {
        let sample = dataset.load(dataset.index_of(&id)?)?;
        images.push(ExampleImage {
            png: png(&sample)?,
            truth: dataset.classes().get(class).cloned().unwrap_or_default(),
            predictions: said.remove(&id).unwrap_or_default(),
            id,
        });
    }
    Ok(Some(ExampleSet {
        experiment: record.experiment.name.clone(),
        caption: format!(
            "First test image of each class by id, seed {seed}; each band stretched from its 2nd to its 98th percentile"
        ),
        images,
    }))
}

/// A picture of a sample: red, green and blue where the image has them, otherwise its first band in grey.
pub(super) fn picture(sample: &Sample) -> image::RgbImage {
    let image = &sample.image;
    let named = [["B04", "B03", "B02"], ["red", "green", "blue"]];
    let colours =
        named
            .iter()
            .find_map(|names| match names.map(|name| image.bands.index_of(name)) {
                [Ok(r), Ok(g), Ok(b)] => Some(vec![r, g, b]),
                _ => None,
            });
    let bands = colours.unwrap_or_else(|| vec![0, 0, 0]);
    let planes: Vec<Vec<u8>> = bands
        .iter()
        .map(|&band| stretched(image.band(band)))
        .collect();
    image::RgbImage::from_fn(image.width as u32, image.height as u32, |x, y| {
        let at = y as usize * image.width + x as usize;
        image::Rgb([planes[0][at], planes[1][at], planes[2][at]])
    })
}

fn png(sample: &Sample) -> Result<Vec<u8>, RunError> {
    let nearest = image::imageops::FilterType::Nearest;
    let large = image::imageops::resize(&picture(sample), SIDE, SIDE, nearest);
    encode(&large, &sample.id)
}

/// A picture as a PNG file; `id` is named in errors.
pub(super) fn encode(picture: &image::RgbImage, id: &str) -> Result<Vec<u8>, RunError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|error| RunError::Io {
            action: "encode",
            path: id.into(),
            source: std::io::Error::other(error),
        })?;
    Ok(bytes.into_inner())
}

/// One band as grey levels between its 2nd and 98th percentile; missing pixels are black.
fn stretched(values: &[f32]) -> Vec<u8> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| {
        sorted
            .get((share * sorted.len().saturating_sub(1) as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    let (low, high) = (at(0.02), at(0.98));
    let range = (high - low).max(f32::MIN_POSITIVE);
    values
        .iter()
        .map(|v| {
            if v.is_finite() {
                ((v - low) / range * 255.0).clamp(0.0, 255.0) as u8
            } else {
                0
            }
        })
        .collect()
}
