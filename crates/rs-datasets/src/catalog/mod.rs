//! The data sets, one file each, and the registry that opens them by name.
//!
//! A data set lists its files when it is opened and decodes each when it is asked for. Images stay in the raw units in which
//! they were published.

mod bigearthnet;
mod burn_scars;
mod description;
pub mod dota;
mod enlarged;
mod eo_learn;
mod eurosat_ms;
mod eurosat_rgb;
pub mod fake;
mod fake_by_name;
mod fake_geobench;
mod fake_multi_label;
mod fake_pixels;
mod files;
mod folder;
mod geobench;
mod geobench_table;
mod known;
mod mados;
mod manifest;
mod manifest_rows;
mod mask;
mod opensarship;
mod opensarship_table;
mod own;
mod registry;
pub mod sample;
mod sample_areas;
mod scene;
mod scene_config;
mod scene_labels;
mod sen1floods11;
mod tree;

pub use bigearthnet::{BIGEARTHNET_BANDS, BIGEARTHNET_CLASSES, BigEarthNet};
pub use burn_scars::{BURN_SCARS_BANDS, BURN_SCARS_CLASSES, BurnScars};
pub use description::Description;
pub use eo_learn::{Dates, EO_LEARN_CLASSES, EoLearnPatch};
pub use eurosat_ms::EurosatMs;
pub use eurosat_rgb::{EUROSAT_CLASSES, EurosatRgb};
pub use folder::Folder;
pub use geobench::{BandNaming, GeoBench};
pub use geobench_table::GeoBenchName;
pub use known::{KnownDataset, known_datasets};
pub use mados::{MADOS_BANDS, MADOS_CLASSES, Mados};
pub use manifest::Manifest;
pub use opensarship::{OpenSarShip, OpenSarShipConfig, Polarisation, Product, ShipClasses};
pub use registry::{DATASETS, open, open_with};
pub use scene::SceneChips;
pub use scene_config::{SceneConfig, SceneLabels, SceneSet};
pub use sen1floods11::{FloodSensor, SEN1FLOODS11_CLASSES, Sen1Floods11};
