//! Numbers from true labels, predicted labels and predicted probabilities.

mod absent;
mod calibration;
mod confusion;
mod evaluate;
mod group;
mod iou;
pub mod names;
mod overall;
mod per_class;
mod probability;
mod segmentation;

pub use absent::AbsentClasses;
pub use calibration::{Reliability, ReliabilityBin};
pub use confusion::{ConfusionMatrix, MAX_CLASSES};
pub use evaluate::{Evaluation, evaluate};
pub use group::{ClassGroup, ClassGroups, GroupF1};
pub use per_class::ClassScore;
pub use probability::Probabilities;
pub use segmentation::PixelCounts;
