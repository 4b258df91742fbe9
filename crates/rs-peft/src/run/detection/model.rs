//! What is trained, as one module.

use burn::module::Module;
use burn::tensor::backend::Backend;
use heads::DetectionHead;

use crate::run::InputAdapter;

/// Adapter and head.
#[derive(Module, Debug)]
pub(super) struct Detector<B: Backend> {
    /// Everything that acts inside the backbone.
    pub adapter: InputAdapter<B>,
    /// A map to classes and boxes.
    pub head: DetectionHead<B>,
}
