//! Synthetic Sentinel-2-like scenes: the data that is always there. **Nothing in them was measured.**
//!
//! A scene is laid out on a 10 m grid from materials (fields with rows, forest canopy, rivers and lakes, street blocks, dunes), each
//! with a stylised reflectance curve at the 13 band centres of Sentinel-2; then come illumination, a simple atmosphere, the blur and
//! the coarser pixels of the 20 m and 60 m bands, and sensor noise. Four pairs of classes share their spatial structure and their
//! visible reflectance and differ only in red edge, near and short-wave infrared, so that a model that sees all bands can be told
//! from one that sees red, green and blue.
//!
//! Curves are typical shapes drawn by hand (chlorophyll absorption and red edge, leaf water in the short-wave infrared, water
//! absorbing beyond 700 nm, soil brightening with wavelength), not taken from a spectral library. Scores on these scenes say that a
//! method uses the bands it is given; they say nothing about real land cover.
//!
//! [`AerialScenes`] are of another kind: red, green and blue at about half a metre per pixel, with oriented objects.

mod aerial;
mod class;
mod config;
mod dataset;
mod landscape;
mod layout;
mod material;
mod noise;
mod scene;
mod structures;

pub use aerial::{AerialClass, AerialConfig, AerialScenes};
pub use class::SceneClass;
pub use config::{Rendering, SyntheticConfig};
pub use dataset::SyntheticScenes;
pub(crate) use landscape::bands as landscape_bands;
pub use landscape::{LANDSCAPE_BANDS, LANDSCAPE_CLASSES, Landscape};
pub use material::Material;
