//! Remote-sensing imagery as typed samples in physical units.
//!
//! Nothing here knows a tensor type or a model's statistics: data sets emit raw units, and normalising takes statistics that
//! say where they come from.

mod band;
mod error;
mod image;
mod sample;
mod unit;

pub use band::{Band, BandSet};
pub use error::DataError;
pub use image::{GeoReference, Image, Mask};
pub use sample::{Label, Sample};
pub use unit::InputUnit;
