//! What the differentiable operations share.

use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::tensor::TensorData;
use burn_flex::{Flex, FlexTensor};

use crate::dispatch::{AdFlex, Tracked};

/// The numbers of a tensor; a copy only when they are not contiguous.
pub(crate) fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor.clone(),
        None => tensor.to_contiguous(),
    }
}

/// The numbers of a tensor from [`contiguous`].
pub(crate) fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice()
        .expect("made contiguous and checked to be f32")
}

/// A tensor of new numbers.
pub(crate) fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Rows and columns of a tensor seen as a matrix: all axes but the last, and the last.
pub(crate) fn rows_columns(tensor: &FlexTensor) -> (usize, usize) {
    let shape = tensor.layout().shape();
    let columns = shape[shape.num_dims() - 1];
    (shape.num_elements() / columns.max(1), columns)
}

/// The axes of a tensor.
pub(crate) fn shape(tensor: &FlexTensor) -> Vec<usize> {
    tensor.layout().shape().to_vec()
}

/// Records `operation` on `parents` with what its backward pass needs, if any parent wants a gradient.
pub(crate) fn record<Op, const N: usize>(
    operation: Op,
    parents: &[&Tracked; N],
    state: Op::State,
    output: FlexTensor,
) -> Tracked
where
    Op: Backward<Flex, N>,
{
    let nodes = std::array::from_fn(|i| parents[i].node.clone());
    match operation
        .prepare::<<AdFlex as Strategy>::Of>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(state, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}

/// Hands a gradient on, computing it only if it is wanted.
macro_rules! give {
    ($gradients:expr, $node:expr, $value:expr) => {
        if let Some(node) = $node {
            let value = $value;
            $gradients.register::<burn_flex::Flex>(node.id, value);
        }
    };
}
pub(crate) use give;

/// The checkpointing strategy of a backend with automatic differentiation.
pub(crate) trait Strategy {
    type Of: burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
}

impl<B, C> Strategy for burn::backend::Autodiff<B, C>
where
    B: burn::tensor::backend::Backend,
    C: burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy,
{
    type Of = C;
}

/// The gradient that reached a node.
pub(crate) fn arrived<S, const N: usize>(
    gradients: &mut Gradients,
    ops: &burn::backend::autodiff::ops::Ops<S, N>,
) -> FlexTensor {
    contiguous(&gradients.consume::<Flex>(&ops.node))
}
