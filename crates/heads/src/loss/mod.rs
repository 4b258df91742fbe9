//! Losses over logits.

mod class_weights;
mod cross_entropy;
mod targets;

pub use class_weights::ClassWeights;
pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use targets::Targets;
