//! Losses over logits.

mod class_weights;
mod cross_entropy;
mod dice;
mod targets;

pub use class_weights::ClassWeights;
pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use dice::Dice;
pub use targets::Targets;
