//! Polygons with a class, from GeoJSON and GeoPackage, drawn on the grid of a scene.

mod error;
mod features;
mod geojson;
#[cfg(feature = "geopackage")]
mod geopackage;
mod rasterise;
mod source;
mod wkb;

pub use error::VectorError;
pub use features::{Feature, Features, Polygon};
pub use rasterise::burn_polygon;
pub use source::{PolygonSource, read_polygons};
