//! Task heads over backbone features, and their losses.
//!
//! Five things live here, and none of them knows which backbone or adapter made its input:
//!
//! - [`LinearHead`]: a burn module, trained together with an adapter by the `training` crate;
//! - [`segmentation`]: UPerNet and a linear control, which give a class per pixel from maps of chosen blocks;
//! - [`detection`]: rotated FCOS over a simple feature pyramid, its losses and its detections;
//! - [`loss`]: cross-entropy with ignore index, class weights and label smoothing; Dice; losses of the long-tail literature; debLoRA's
//!   distance to calibrated features;
//! - [`LowRankMap`]: a trained low-rank residual over features;
//! - [`probe`]: classifiers fitted on the host over frozen features (multinomial logistic regression and
//!   nearest neighbours). They see slices of numbers and no tensor type, so every backend shares them.
//!
//! # Example
//! ```
//! use heads::{FeatureTable, LogisticConfig, LogisticProbe};
//!
//! // Four rows of two features; the first tells the class.
//! let features = [0.0, 5.0, 0.1, 4.0, 1.0, 5.0, 0.9, 4.0];
//! let table = FeatureTable::new(&features, 2)?;
//! let probe = LogisticProbe::fit(&LogisticConfig::default(), &table, &[0, 0, 1, 1], 2)?;
//! assert_eq!(probe.predict(&table)?, [0, 0, 1, 1]);
//! # Ok::<(), heads::HeadError>(())
//! ```

pub mod detection;
mod error;
mod linear;
pub mod loss;
mod low_rank_map;
pub mod probe;
pub mod segmentation;

pub use detection::{DetectionHead, DetectionHeadConfig};
pub use error::HeadError;
pub use linear::{HeadArrays, LinearHead, LinearHeadConfig};
pub use loss::{
    CalibrationLoss, CalibrationLossConfig, ClassWeights, CrossEntropy, CrossEntropyConfig, Dice,
    ImbalanceLoss, ImbalanceLossConfig, Targets, agreement,
};
pub use low_rank_map::{LowRankMap, LowRankMapConfig};
pub use probe::{
    Experts, FeatureTable, KnnConfig, KnnMetric, KnnProbe, LogisticConfig, LogisticProbe,
    ResidualBranches, Standardiser,
};
pub use segmentation::{SegmentationHead, SegmentationHeadConfig, UperNetConfig};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
