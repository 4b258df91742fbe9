//! The zoo: published weights whose model is a vision transformer of this crate, described as data, and finding out which
//! of them a file may hold.
//!
//! Nothing here is trained, downloaded or computed: a [`Preset`] says how a model is built and what its input must be.

mod clay;
mod clip;
mod commands;
mod dino;
mod dino_v3;
mod dofa;
mod exactness;
mod input;
mod mae;
mod preset;
mod prithvi;
mod recognise;
mod supervised;
mod table;

pub use exactness::MeasuredErrors;
pub use input::{InputUnit, Normalisation};
pub use preset::{Family, Preset, preset, presets};
pub use recognise::{Recognition, recognise};
pub use table::zoo_page;
