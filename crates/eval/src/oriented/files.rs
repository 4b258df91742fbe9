//! Folders of labelTxt files (ground truth) and Task 1 files (detections).

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use oriented_boxes::text::{Task1Row, parse_label_txt, parse_task1, write_task1};

use super::{GroundTruth, ImageTruth, ScoredBox, TruthObject};
use crate::EvalError;
use crate::record::write_atomically;

/// Most bytes of one text file: a result file of ten million detections passes.
const MAX_TEXT_BYTES: u64 = 1 << 30;

/// What becomes of labelled objects whose class is not in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownClasses {
    /// They are an error that names file and line.
    #[default]
    Refuse,
    /// They are left out, as in the development kit; for evaluating a part of the classes.
    Skip,
}

/// Reads `DIR/<image>.txt` in labelTxt format.
///
/// With `images`, exactly these are read; without, all `.txt` files, by name. An object marked difficult in whatever degree is difficult.
///
/// # Errors
/// [`EvalError::Io`], [`EvalError::TextTooLarge`], [`EvalError::Line`] for a line that cannot be read, [`EvalError::UnknownClass`], and
/// [`EvalError::Length`] for a folder without label files.
pub fn read_labels(
    folder: &Path,
    classes: &[String],
    images: Option<&[String]>,
    unknown: UnknownClasses,
) -> Result<GroundTruth, EvalError> {
    let names = match images {
        Some(names) => names.to_vec(),
        None => names_in(folder)?,
    };
    let mut truth = Vec::with_capacity(names.len());
    for name in names {
        let path = folder.join(format!("{name}.txt"));
        let file = parse_label_txt(&read_text(&path)?).map_err(|source| EvalError::Line {
            path: path.clone(),
            source,
        })?;
        let mut objects = Vec::with_capacity(file.objects.len());
        for object in file.objects {
            match classes.iter().position(|class| *class == object.class) {
                Some(class) => objects.push(TruthObject {
                    class,
                    quad: object.quad,
                    difficult: object.difficulty > 0,
                }),
                None if unknown == UnknownClasses::Skip => {}
                None => {
                    return Err(EvalError::UnknownClass {
                        path,
                        line: object.line,
                        class: object.class,
                        known: classes.join(", "),
                    });
                }
            }
        }
        truth.push(ImageTruth { name, objects });
    }
    GroundTruth::new(classes.to_vec(), truth)
}

/// Reads `DIR/Task1_<class>.txt` for every class of the ground truth, one list per class.
///
/// # Errors
/// As [`read_labels`]; [`EvalError::MissingResults`] when a class has no file, [`EvalError::UnknownImage`] for a detection in an image that the
/// ground truth does not have.
pub fn read_results(folder: &Path, truth: &GroundTruth) -> Result<Vec<Vec<ScoredBox>>, EvalError> {
    truth
        .classes()
        .iter()
        .map(|class| {
            let path = folder.join(file_name(class)?);
            if !path.exists() {
                return Err(EvalError::MissingResults {
                    path,
                    class: class.clone(),
                });
            }
            let rows = parse_task1(&read_text(&path)?).map_err(|source| EvalError::Line {
                path: path.clone(),
                source,
            })?;
            rows.into_iter()
                .map(|row| match truth.image(&row.image) {
                    Some(image) => Ok(ScoredBox {
                        image,
                        score: row.score,
                        quad: row.quad,
                    }),
                    None => Err(EvalError::UnknownImage {
                        path: path.clone(),
                        line: row.line,
                        image: row.image,
                        images: truth.images().len(),
                    }),
                })
                .collect()
        })
        .collect()
}

/// Writes `DIR/Task1_<class>.txt` for every class of the ground truth, also where nothing was detected. The folder is made.
///
/// # Errors
/// [`EvalError::Length`] when there is not one list per class, [`EvalError::Value`] for an image outside the ground truth,
/// [`EvalError::Classes`] for a class whose name cannot be part of a file name, [`EvalError::Io`].
pub fn write_results(
    folder: &Path,
    truth: &GroundTruth,
    detections: &[Vec<ScoredBox>],
) -> Result<Vec<PathBuf>, EvalError> {
    if detections.len() != truth.classes().len() {
        return Err(EvalError::Length {
            what: "detections",
            expected: format!("one list for each of {} classes", truth.classes().len()),
            found: format!("{} lists", detections.len()),
        });
    }
    fs::create_dir_all(folder).map_err(|source| EvalError::Io {
        action: "create",
        path: folder.into(),
        source,
    })?;
    let mut written = Vec::with_capacity(detections.len());
    for (class, detections) in truth.classes().iter().zip(detections) {
        let rows: Vec<Task1Row> = detections
            .iter()
            .map(|detection| {
                let image =
                    truth
                        .images()
                        .get(detection.image)
                        .ok_or_else(|| EvalError::Value {
                            what: "image of a detection",
                            expected: "an index into the images of the ground truth",
                            found: detection.image.to_string(),
                        })?;
                Ok(Task1Row {
                    image: image.name.clone(),
                    score: detection.score,
                    quad: detection.quad,
                    line: 0,
                })
            })
            .collect::<Result<_, EvalError>>()?;
        let path = folder.join(file_name(class)?);
        write_atomically(&path, write_task1(&rows).as_bytes())?;
        written.push(path);
    }
    Ok(written)
}

/// Reads a list of image names, one per line; an extension is dropped, empty lines are allowed.
///
/// # Errors
/// [`EvalError::Io`], [`EvalError::TextTooLarge`], [`EvalError::Length`] for a list without names.
pub fn read_image_list(path: &Path) -> Result<Vec<String>, EvalError> {
    let names: Vec<String> = read_text(path)?
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let known = [".png", ".jpg", ".txt", ".tif"];
            let bare = known.iter().find_map(|end| line.strip_suffix(end));
            bare.unwrap_or(line).to_owned()
        })
        .collect();
    if names.is_empty() {
        return Err(EvalError::Length {
            what: "list of images",
            expected: "at least one name".into(),
            found: format!("none in {}", path.display()),
        });
    }
    Ok(names)
}

fn file_name(class: &str) -> Result<String, EvalError> {
    if class.is_empty() || class.contains(['/', '\\', '\0']) || class.contains(char::is_whitespace)
    {
        return Err(EvalError::Classes {
            problem: format!("`{class}` cannot be part of a file name; use letters, digits and -"),
        });
    }
    Ok(format!("Task1_{class}.txt"))
}

/// Names of the `.txt` files of a folder, sorted, without extension.
fn names_in(folder: &Path) -> Result<Vec<String>, EvalError> {
    let failed = |source| EvalError::Io {
        action: "list",
        path: folder.into(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "txt")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            && !name.starts_with('.')
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    if names.is_empty() {
        return Err(EvalError::Length {
            what: "label files",
            expected: "at least one <image>.txt".into(),
            found: format!("none in {}", folder.display()),
        });
    }
    Ok(names)
}

fn read_text(path: &Path) -> Result<String, EvalError> {
    let failed = |source| EvalError::Io {
        action: "read",
        path: path.into(),
        source,
    };
    let mut text = String::new();
    let bytes = fs::File::open(path)
        .map_err(failed)?
        .take(MAX_TEXT_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)? as u64;
    if bytes > MAX_TEXT_BYTES {
        return Err(EvalError::TextTooLarge {
            path: path.into(),
            limit: MAX_TEXT_BYTES,
        });
    }
    Ok(text)
}
