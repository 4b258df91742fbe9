//! What the differentiable operations share.

use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn_flex::{Flex, FlexTensor};

use crate::dispatch::{AdFlex, Tracked};
use crate::values::contiguous;

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
