//! Transforms of samples: each acts on the image, its valid mask, its label mask, its objects and its georeference alike.
//!
//! A [`Pipeline`] is a list of [`Step`]s that reads and writes as TOML. Random steps draw from the stream they are given, which
//! the loader derives from (seed, epoch, id), so a result does not depend on threads or on other samples.

mod bands;
mod compute;
mod crop;
mod dihedral;
mod fill;
mod filter;
mod geometry;
mod moments;
mod normalise;
mod pad;
mod pipeline;
mod render;
mod resize;
mod rotate;
mod statistics;
mod summary;
mod units;

pub use bands::{DeriveBand, SelectBands, Term};
pub use compute::compute_statistics;
pub use crop::{CenterCrop, RandomCrop, RandomResizedCrop};
pub use dihedral::{Dihedral, RandomDihedral, RandomFlip, Symmetry};
pub use fill::{Clip, FillInvalid};
pub use filter::Interpolation;
pub use normalise::Normalise;
pub use pad::PadTo;
pub use pipeline::{Pipeline, Step};
pub use render::RenderUint8;
pub use resize::Resize;
pub use rotate::{RandomRotate, Rotate};
pub use statistics::{BandStatistics, Percentiles, StatisticsSource};
pub use summary::{BandSummary, Summary, summarise_bands};
pub use units::{ConvertUnit, TargetUnit};
