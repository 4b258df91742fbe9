//! Maps of whole scenes: a GeoTIFF larger than memory in, a georeferenced map of classes out.
//!
//! [`map_scene`] lays overlapping windows over the scene, asks a [`WindowModel`] for their logits, blends them and writes tiles. Memory
//! is that of a row of windows, whatever the height of the scene; rows that are finished are kept on disk, so that a program that
//! was stopped goes on where it was.

mod adapted_model;
mod band_file;
mod colours;
mod error;
mod font;
mod layout;
mod map;
mod mosaic;
mod options;
mod quicklook;
mod reading;
mod rows;
mod setup;
mod window_model;
mod work;

pub use adapted_model::SceneModel;
pub use colours::{ClassColours, default_colours};
pub use error::SceneError;
pub use layout::{blend_weights, positions};
pub use map::{MapReport, map_scene};
pub use options::{MapOptions, Probabilities, Progress, Watch};
pub use quicklook::write_quicklook;
pub use window_model::{MapKind, ModelFailure, WindowModel};
