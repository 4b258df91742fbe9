//! Experiments as files: what a row of a table is, strictly read.

mod catalog;
mod config;
mod detection;
mod error;
mod long_tail;
mod method;
mod resolve;
mod segmentation;
mod validate;

pub use catalog::{Catalog, Row};
pub use config::{
    BackboneConfig, DataConfig, Experiment, InputConfig, Normalisation, PrefixCache, ProbeConfig,
    Rendering, Schedule, SplitConfig, TableConfig, TrainConfig, Views,
};
pub use detection::DetectionConfig;
pub use error::ExperimentError;
pub use long_tail::{
    Apply, Balance, CalibratedRows, CalibrationMode, DbscanRows, LearnedMap, LongTailProbe,
    LongTailSplit, MapPlace, NaturalLongTail, Prior, TailRows,
};
pub use method::{DeflectMethod, Method};
pub use resolve::{content_hash, merge};
pub use segmentation::{SegmentationConfig, SegmentationLoss, Windows};
