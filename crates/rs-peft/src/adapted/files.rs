//! Images from files, as a model takes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::backend::Backend;
use rs_datasets::io::{BandAxis, Dtype, FileKind, read_raster};
use rs_datasets::{Band, BandSet, InputUnit, Label, Mask, ReadLimits, Sample};

use super::{AdaptedError, AdaptedModel};

/// Folders within folders that are looked through.
const DEEPEST: usize = 16;

impl<B: Backend> AdaptedModel<B> {
    /// Reads an image: TIFF, JPEG, PNG or npy in the unit of the training images. `bands` names its bands in the order of the file;
    /// without, they are those of the training images.
    ///
    /// # Errors
    /// [`AdaptedError::BandCount`], [`AdaptedError::Unit`] for 8-bit values where others were trained on, or the reverse, and what
    /// reading the file gives.
    pub fn read_image(&self, path: &Path, bands: &[String]) -> Result<Sample, AdaptedError> {
        let input = &self.manifest.input;
        let raster = read_raster(path, BandAxis::default(), &ReadLimits::default())?;
        let image = || path.display().to_string();
        let set = match bands {
            [] => input.bands.clone(),
            names => named(names, &input.bands)?,
        };
        if raster.bands != set.len() {
            return Err(AdaptedError::BandCount {
                image: image(),
                found: raster.bands,
                expected: set.len(),
                names: set.names().join(", "),
            });
        }
        let bytes = raster.dtype() == Dtype::U8;
        if bytes != (input.unit == InputUnit::Uint8) {
            return Err(AdaptedError::Unit {
                image: image(),
                found: format!("{}", raster.dtype()),
                expected: format!("{:?}", input.unit),
            });
        }
        let geo = raster.geo.clone();
        let (height, width) = (raster.height, raster.width);
        let (pixels, valid): (_, Option<Mask>) =
            raster.into_image(&Arc::new(set), input.unit, path)?;
        debug_assert_eq!((pixels.height, pixels.width), (height, width));
        Ok(Sample {
            image: pixels,
            valid,
            label: Label::None,
            id: image(),
            geo,
        })
    }
}

/// Bands by name, those of the training images with what is known about them.
fn named(names: &[String], known: &BandSet) -> Result<BandSet, AdaptedError> {
    let bands = names
        .iter()
        .map(|name| match known.index_of(name) {
            Ok(at) => known.as_slice()[at].clone(),
            Err(_) => Band::other(name, "unknown", None),
        })
        .collect();
    Ok(BandSet::new(bands)?)
}

/// The images among files and folders, which are looked through; sorted, each once.
///
/// # Errors
/// [`AdaptedError::Io`] for a folder that cannot be listed; a path that does not exist, and a folder without an image.
pub fn images_below(paths: &[PathBuf]) -> Result<Vec<PathBuf>, AdaptedError> {
    let mut found = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            walk(path, DEEPEST, &mut found)?;
            if found.len() == before {
                let none = std::io::Error::other("it holds no TIFF, JPEG, PNG or npy file");
                return Err(AdaptedError::io("find images in", path)(none));
            }
        } else {
            std::fs::metadata(path).map_err(AdaptedError::io("find", path))?;
            found.insert(path.clone());
        }
    }
    Ok(found.into_iter().collect())
}

fn walk(
    folder: &Path,
    depth: usize,
    found: &mut BTreeSet<PathBuf>,
) -> Result<(), AdaptedError> {
    let entries = std::fs::read_dir(folder).map_err(AdaptedError::io("list", folder))?;
    for entry in entries {
        let entry = entry.map_err(AdaptedError::io("list", folder))?;
        let path = entry.path();
        // Links are not followed: they may lead round in a circle.
        let kind = entry.file_type().map_err(AdaptedError::io("look at", &path))?;
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, found)?;
        } else if kind.is_file() && FileKind::of_name(&path.to_string_lossy()).is_some() {
            found.insert(path);
        }
    }
    Ok(())
}
