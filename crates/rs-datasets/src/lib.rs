//! Remote-sensing imagery as typed samples in physical units.
//!
//! Nothing here knows a tensor type or a model's statistics: data sets emit raw units, and normalising takes statistics that
//! say where they come from.

mod band;
pub mod catalog;
mod dataset;
mod error;
mod image;
pub mod io;
mod sample;
pub mod sensors;
mod unit;

pub use band::{Band, BandSet};
pub use dataset::{Dataset, DatasetInfo, Task};
pub use error::DataError;
pub use image::{GeoReference, Image, Mask};
pub use io::ReadLimits;
pub use sample::{Label, Sample};
pub use unit::InputUnit;
