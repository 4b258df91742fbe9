//! Deflection: the displacement of an adapted block turns away from the pretrained one, but is not longer or shorter.
//!
//! With `d` the output of the adapted attention and `d_pre` what the pretrained attention would have given for the same tokens,
//! `d~ = d ||d_pre|| / ||d||`, so that `||d~|| = ||d_pre||` for every token. Both are taken behind the output map, before a LayerScale
//! if the backbone has one.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::config::{Constraint, DeflectionConfig};
use crate::norms::{SHORTEST, ratio, token_norms};

impl DeflectionConfig {
    /// Whether the pretrained displacement has to be known.
    pub fn needs_pretrained(&self) -> bool {
        self.constraint != Constraint::Off
    }

    /// The factor of every token of `d`; `None` where it is 1. A token of `d` without direction (shorter than 1e-12) gets 0.
    ///
    /// # Shapes
    /// - `displacement`, `pretrained`: `[batch, tokens, dim]`
    /// - result: `[batch, tokens, 1]`, or `[batch, 1, 1]` for the mean
    pub fn factor<B: Backend>(
        &self,
        displacement: Tensor<B, 3>,
        pretrained: Tensor<B, 3>,
    ) -> Option<Tensor<B, 3>> {
        let (own, target) = (token_norms(displacement), token_norms(pretrained));
        let factor = match self.constraint {
            Constraint::Off | Constraint::Soft => return None,
            Constraint::PerToken => ratio(target, own),
            Constraint::Mean => ratio(target.mean_dim(1), own.mean_dim(1)),
        };
        Some(if self.detach_ratio {
            factor.detach()
        } else {
            factor
        })
    }
}

/// The soft form of the constraint, a loss: `|mean ||d|| - mean ||d_pre||| / mean ||d||`, means over all tokens of the batch.
///
/// # Shapes
/// - `displacement`, `pretrained`: `[batch, tokens, dim]`
/// - result: `[1]`, at least 0
pub fn norm_gap<B: Backend>(displacement: Tensor<B, 3>, pretrained: Tensor<B, 3>) -> Tensor<B, 1> {
    let own = token_norms(displacement).mean();
    let target = token_norms(pretrained).mean();
    (own.clone() - target).abs() / own.clamp_min(SHORTEST)
}
