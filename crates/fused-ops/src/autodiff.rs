//! What the differentiable operations share.

use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn_flex::{Flex, FlexTensor};

use crate::dispatch::Tracked;
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
        .prepare::<NoCheckpointing>(nodes)
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

/// The gradient that reached a node.
pub(crate) fn arrived<S, const N: usize>(
    gradients: &mut Gradients,
    ops: &burn::backend::autodiff::ops::Ops<S, N>,
) -> FlexTensor {
    contiguous(&gradients.consume::<Flex>(&ops.node))
}
