//! Parameters: fresh trainable ones from values.

use burn::module::{Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// A new trainable parameter with these values. It is initialised at once: burn's lazily drawn parameters would be drawn
/// again by every clone.
pub(crate) fn trainable<B: Backend, const D: usize>(values: Tensor<B, D>) -> Param<Tensor<B, D>> {
    Param::initialized(ParamId::new(), values.detach().require_grad())
}
