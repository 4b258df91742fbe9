//! What can be wrong with polygons.

use std::path::PathBuf;

/// Errors of reading polygons; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// The file is not what its name says.
    #[error("{path} is not a readable {format} file: {detail}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The file is of a kind that is not read.
    #[error("{path}: {detail}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not read, and what to do.
        detail: String,
    },
    /// Polygons and scene have different coordinate reference systems.
    #[error(
        "{path} is in {found}, the scene in {expected}; reproject the polygons first: \
         ogr2ogr -t_srs {expected} reprojected.gpkg {path} (or the same with reprojected.geojson)"
    )]
    Crs {
        /// The file of polygons.
        path: PathBuf,
        /// System of the polygons.
        found: String,
        /// System of the scene.
        expected: String,
    },
    /// A polygon has no class.
    #[error(
        "{path}: feature {feature} has no `{property}`; its properties are: {available}. Name the property with the class in `property`"
    )]
    NoClass {
        /// The file.
        path: PathBuf,
        /// Number of the feature, from 1.
        feature: usize,
        /// The property asked for.
        property: String,
        /// Those it has.
        available: String,
    },
}
