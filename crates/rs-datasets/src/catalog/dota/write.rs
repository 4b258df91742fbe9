//! Writing samples in DOTA's layout: tiles for other tools, scenes for this reader.

use std::fs;
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use oriented_boxes::text::{LabelFile, LabelledQuad, write_label_txt};

use crate::io::write_atomically;
use crate::{DataError, Dataset, InputUnit, Label, Sample};

/// Writes `folder/images/<id>.png` and `folder/labelTxt/<id>.txt` for every sample; a sample without labels has no label file.
///
/// `source` goes into the line `imagesource:` of the label files.
///
/// # Errors
/// [`DataError::Unit`] unless values are 8-bit, [`DataError::Shape`] unless there are three bands, [`DataError::Setting`] for a sample whose label is no
/// list of objects, [`DataError::Io`].
pub fn write_dota_layout(
    folder: &Path,
    samples: &dyn Dataset,
    source: Option<&str>,
) -> Result<(), DataError> {
    for name in ["images", "labelTxt"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(|source| DataError::Io {
            action: "create",
            path,
            source,
        })?;
    }
    for index in 0..samples.len() {
        let sample = samples.load(index)?;
        let id = sample.id.clone();
        write_one(folder, sample, samples.classes(), source).map_err(|error| {
            DataError::InSample {
                id,
                source: Box::new(error),
            }
        })?;
    }
    Ok(())
}

fn write_one(
    folder: &Path,
    sample: Sample,
    classes: &[String],
    source: Option<&str>,
) -> Result<(), DataError> {
    let image = &sample.image;
    if image.unit != InputUnit::Uint8 {
        return Err(DataError::Unit {
            step: "writing in DOTA's layout",
            expected: "8-bit values".into(),
            found: format!("{:?}", image.unit),
        });
    }
    if image.bands.len() != 3 {
        return Err(DataError::Shape {
            expected: "3 bands (red, green, blue)".into(),
            found: image.bands.names().join(", "),
        });
    }
    let area = image.height * image.width;
    let pixels: Vec<u8> = (0..3 * area)
        .map(|at| {
            image.data[(at % 3) * area + at / 3]
                .round()
                .clamp(0.0, 255.0) as u8
        })
        .collect();
    let path = folder.join("images").join(format!("{}.png", sample.id));
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(
            &pixels,
            image.width as u32,
            image.height as u32,
            ExtendedColorType::Rgb8,
        )
        .map_err(|error| DataError::Io {
            action: "encode",
            path: path.clone(),
            source: std::io::Error::other(error),
        })?;
    write_atomically(&path, &png)?;
    let objects = match sample.label {
        Label::Objects(objects) => objects,
        Label::None => return Ok(()),
        Label::Class(_) | Label::Classes(_) | Label::Segmentation { .. } => {
            return Err(DataError::Setting {
                what: "writing in DOTA's layout".into(),
                detail: "the label is no list of objects; write a detection data set".into(),
            });
        }
    };
    let objects = objects
        .iter()
        .map(|object| {
            let class = classes
                .get(object.class)
                .ok_or(DataError::IndexOutOfRange {
                    index: object.class,
                    len: classes.len(),
                })?;
            Ok(LabelledQuad {
                quad: object.quad,
                class: class.clone(),
                difficulty: object.difficulty,
                line: 0,
            })
        })
        .collect::<Result<_, DataError>>()?;
    let file = LabelFile {
        image_source: source.map(str::to_owned),
        gsd: None,
        objects,
    };
    let path = folder.join("labelTxt").join(format!("{}.txt", sample.id));
    write_atomically(&path, write_label_txt(&file).as_bytes())
}
