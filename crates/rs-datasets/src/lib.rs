//! Remote-sensing imagery as typed samples in physical units.
//!
//! Nothing here knows a tensor type or a model's statistics: data sets emit raw units, and normalising takes statistics that
//! say where they come from.

mod band;
mod batch;
pub mod catalog;
mod dataset;
mod error;
mod image;
pub mod io;
pub mod loader;
mod objects;
mod random;
mod sample;
pub mod sensors;
pub mod split;
pub mod synthetic;
#[cfg(feature = "burn")]
mod tensors;
pub mod transform;
mod unit;
pub mod vector;

pub use band::{Band, BandSet};
pub use batch::Batch;
pub use dataset::{Dataset, DatasetInfo, Task};
pub use error::DataError;
pub use image::{GeoReference, Image, Mask};
pub use io::ReadLimits;
pub use loader::{Batches, Cached, Loader, LoaderConfig, Order};
pub use objects::{CutRule, OrientedObject, Remainder};
pub use random::{below, sample_stream, stream, unit};
pub use sample::{Label, Sample};
pub use split::{
    LabelTable, LongTail, Split, long_tail_counts, repeated_stratified, shares, split_key,
    stratified, stratified_groups,
};
pub use synthetic::{
    AerialClass, AerialConfig, AerialScenes, Material, Rendering, SceneClass, SyntheticConfig,
    SyntheticScenes,
};
#[cfg(feature = "burn")]
pub use tensors::{image_tensor, mask_tensor, to_tensors};
pub use transform::{
    BandStatistics, BandSummary, CenterCrop, Clip, ConvertUnit, DeriveBand, Dihedral, FillInvalid,
    Interpolation, Normalise, PadTo, Percentiles, Pipeline, RandomCrop, RandomDihedral, RandomFlip,
    RandomResizedCrop, RandomRotate, RenderUint8, Resize, Rotate, SelectBands, StatisticsSource,
    Step, Summary, Symmetry, TargetUnit, Term, compute_statistics, summarise_bands,
};
pub use unit::InputUnit;

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
