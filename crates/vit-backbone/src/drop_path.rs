//! Stochastic depth: a branch is skipped for whole samples while training (Huang et al. 2016).

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Tensor};

/// Keeps a branch with probability `1 - rate` per sample and divides by it; the identity outside training.
///
/// Training means a backend with automatic differentiation, as in burn's own dropout. The draw uses the backend's
/// generator (`Backend::seed`), because it must not become part of the recorded graph.
#[derive(Module, Clone, Debug)]
pub struct DropPath {
    /// Probability of skipping the branch.
    pub rate: f64,
}

impl DropPath {
    /// A rate that rises linearly from 0 at the first block to `last` at the last, as in timm.
    pub(crate) fn at_block(block: usize, depth: usize, last: f64) -> Self {
        let rate = if depth > 1 {
            last * block as f64 / (depth - 1) as f64
        } else {
            0.0
        };
        Self { rate }
    }

    /// Applies it to the output of a branch, `[batch, tokens, dim]`.
    pub fn forward<B: Backend>(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let device = x.device();
        if self.rate == 0.0 || !B::ad_enabled(&device) {
            return x;
        }
        let keep = 1.0 - self.rate;
        let options = (&device, x.dtype());
        let mask = Tensor::random([x.dims()[0], 1, 1], Distribution::Bernoulli(keep), options);
        x * mask.div_scalar(keep)
    }
}
