//! Polygons by the name of their file.

use std::path::{Path, PathBuf};

use super::{Features, VectorError, geojson};
use crate::io::read_file;
use crate::{DataError, GeoReference, ReadLimits};

/// Where polygons are, and what of them is the class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolygonSource {
    /// `.geojson`, `.json` or `.gpkg`.
    pub path: PathBuf,
    /// Property whose value names the class.
    pub property: String,
    /// Layer of a GeoPackage; may be left out where there is one only.
    pub layer: Option<String>,
}

/// Reads polygons and refuses those of another reference system than that of the scene.
///
/// # Errors
/// [`DataError::Vector`], and those of reading the file.
pub fn read_polygons(
    source: &PolygonSource,
    scene: Option<&GeoReference>,
    limits: &ReadLimits,
) -> Result<Features, DataError> {
    let path = &source.path;
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let features = match ending.as_deref() {
        Some("geojson" | "json") => {
            geojson::read(&read_file(path, limits)?, path, &source.property)?
        }
        Some("gpkg") => package(source, limits)?,
        _ => {
            return Err(VectorError::Unsupported {
                path: path.clone(),
                detail:
                    "polygons are read from .geojson, .json and .gpkg; convert them with ogr2ogr"
                        .into(),
            }
            .into());
        }
    };
    let name = |epsg: Option<u32>| match epsg {
        Some(code) => format!("EPSG:{code}"),
        None => "a coordinate reference system without an EPSG code".into(),
    };
    let Some(scene) = scene else {
        return Err(VectorError::Unsupported {
            path: path.clone(),
            detail: "the scene does not say where it lies, so polygons cannot be laid over it; give it a georeference with \
                     gdal_edit.py -a_srs and -a_ullr"
                .into(),
        }
        .into());
    };
    if features.epsg.is_none() || features.epsg != scene.epsg {
        return Err(VectorError::Crs {
            path: path.clone(),
            found: name(features.epsg),
            expected: name(scene.epsg),
        }
        .into());
    }
    Ok(features)
}

#[cfg(feature = "geopackage")]
fn package(source: &PolygonSource, limits: &ReadLimits) -> Result<Features, DataError> {
    let path: &Path = &source.path;
    let size = std::fs::metadata(path).map_err(|error| DataError::Io {
        action: "read",
        path: path.into(),
        source: error,
    })?;
    limits.check_file(path, size.len())?;
    Ok(super::geopackage::read(
        path,
        source.layer.as_deref(),
        &source.property,
    )?)
}

#[cfg(not(feature = "geopackage"))]
fn package(source: &PolygonSource, _: &ReadLimits) -> Result<Features, DataError> {
    let path: &Path = &source.path;
    Err(VectorError::Unsupported {
        path: path.into(),
        detail:
            "this build reads no GeoPackages; build with --features geopackage, or convert it: \
                 ogr2ogr labels.geojson labels.gpkg"
                .into(),
    }
    .into())
}
