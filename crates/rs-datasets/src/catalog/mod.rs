//! The data sets, one file each, and the registry that opens them by name.
//!
//! A data set lists its files when it is opened and decodes each when it is asked for. Images stay in the raw units in which
//! they were published.

mod description;
pub mod dota;
mod eurosat_ms;
mod eurosat_rgb;
pub mod fake;
mod files;
mod folder;
mod manifest;
mod manifest_rows;
mod opensarship;
mod opensarship_table;
mod own;
mod registry;
mod tree;

pub use description::Description;
pub use eurosat_ms::EurosatMs;
pub use eurosat_rgb::{EUROSAT_CLASSES, EurosatRgb};
pub use folder::Folder;
pub use manifest::Manifest;
pub use opensarship::{OpenSarShip, OpenSarShipConfig, Polarisation, Product, ShipClasses};
pub use registry::{DATASETS, open, open_with};
