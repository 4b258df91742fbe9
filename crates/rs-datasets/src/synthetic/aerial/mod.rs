//! Synthetic aerial scenes with oriented objects. **Nothing in them was photographed.**
//!
//! Ten classes with DOTA's names, sizes and rough looks at about half a metre per pixel, drawn over ground, water, aprons and roads: ships lie on
//! water, everything else on land, and no two objects touch. Frequencies fall geometrically from class to class, so that head, middle and
//! tail are those of debLoRA's grouping of DOTA. A scene depends on the seed and its id only.
//!
//! Scores on these scenes say whether a detector, a loss and an evaluation work together and how methods behave under a long tail; they say nothing about
//! real images.

mod class;
mod config;
mod dataset;
mod ground;
mod paint;
mod place;
mod shapes;

pub use class::AerialClass;
pub use config::AerialConfig;
pub use dataset::AerialScenes;
