//! Losses over logits, and debLoRA's over features.

mod agreement;
mod calibration;
mod class_weights;
mod cross_entropy;
mod dice;
mod imbalance;
mod targets;

pub use agreement::agreement;
pub use calibration::{CalibrationLoss, CalibrationLossConfig};
pub use class_weights::ClassWeights;
pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use dice::Dice;
pub use imbalance::{ImbalanceLoss, ImbalanceLossConfig, ldam_margins, log_prior};
pub use targets::Targets;
