//! What is trained, as one module.

use burn::module::Module;
use burn::tensor::backend::Backend;
use heads::SegmentationHead;

use crate::run::InputAdapter;

/// Adapter and head.
#[derive(Module, Debug)]
pub(super) struct Segmenter<B: Backend> {
    /// Everything that acts inside the backbone.
    pub adapter: InputAdapter<B>,
    /// Maps to a class per pixel.
    pub head: SegmentationHead<B>,
}
