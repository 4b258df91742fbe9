//! What is taken out of a model: token sequences of chosen blocks, pooled to vectors or laid out as maps.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::BackboneError;

/// Which token sequences to return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureRequest {
    /// Blocks whose outputs are wanted, from 0, in the order wanted.
    pub blocks: Vec<usize>,
    /// Whether each goes through the model's final norm (if it has one).
    #[serde(default)]
    pub final_norm: bool,
}

impl FeatureRequest {
    /// The output of one block, without the final norm.
    pub fn block(block: usize) -> Self {
        Self {
            blocks: vec![block],
            final_norm: false,
        }
    }

    /// Checks that every block exists in a model of `depth` blocks.
    ///
    /// # Errors
    /// [`BackboneError::Block`] with the first that does not.
    pub fn validate(&self, depth: usize) -> Result<(), BackboneError> {
        match self.blocks.iter().find(|block| **block >= depth) {
            Some(&block) => Err(BackboneError::Block { block, depth }),
            None => Ok(()),
        }
    }
}

/// How a token sequence becomes one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The class token (the first token).
    ClassToken,
    /// The mean of the patch tokens.
    PatchMean,
    /// The mean of the patch tokens and behind it their standard deviation, which tells how much a property varies over the
    /// image: a field edge, a river in a forest. Twice as wide.
    PatchMeanStd,
}

/// Below every standard deviation of tokens, so that its gradient is finite where all patches are equal.
const STD_FLOOR: f64 = 1e-6;

/// Pools `[batch, prefix + patches, dim]` to `[batch, dim]`, or `[batch, 2 * dim]` with [`Pooling::PatchMeanStd`].
///
/// The standard deviation is that of the patches themselves (divided by their number).
///
/// # Panics
/// With [`Pooling::ClassToken`] when `prefix` is 0: there is no class token.
pub fn pool<B: Backend>(tokens: Tensor<B, 3>, prefix: usize, pooling: Pooling) -> Tensor<B, 2> {
    let [batch, count, dim] = tokens.dims();
    match pooling {
        Pooling::ClassToken => {
            assert!(
                prefix > 0,
                "a model without a class token cannot be pooled by its class token"
            );
            tokens.narrow(1, 0, 1).reshape([batch, dim])
        }
        Pooling::PatchMean => tokens
            .narrow(1, prefix, count - prefix)
            .mean_dim(1)
            .reshape([batch, dim]),
        Pooling::PatchMeanStd => {
            let patches = tokens.narrow(1, prefix, count - prefix);
            let mean = patches.clone().mean_dim(1);
            let variance = (patches - mean.clone()).powi_scalar(2).mean_dim(1);
            let std = (variance + STD_FLOOR * STD_FLOOR).sqrt();
            Tensor::cat(vec![mean, std], 2).reshape([batch, 2 * dim])
        }
    }
}

/// The mean over channel groups of tokens `[batch, prefix + groups * patches, dim]`, where the patches of each group stand
/// behind one another: `[batch, prefix + patches, dim]`. Prefix tokens stay as they are.
///
/// # Panics
/// When the patch tokens cannot be divided by `groups`.
pub fn mean_over_groups<B: Backend>(
    tokens: Tensor<B, 3>,
    prefix: usize,
    groups: usize,
) -> Tensor<B, 3> {
    let [batch, count, dim] = tokens.dims();
    let patches = (count - prefix) / groups;
    let mean = tokens
        .clone()
        .narrow(1, prefix, count - prefix)
        .reshape([batch, groups, patches, dim])
        .mean_dim(1)
        .reshape([batch, patches, dim]);
    if prefix == 0 {
        return mean;
    }
    Tensor::cat(vec![tokens.narrow(1, 0, prefix), mean], 1)
}

/// Lays the patch tokens of `[batch, prefix + rows * columns, dim]` out as a map `[batch, dim, rows, columns]`.
pub fn to_map<B: Backend>(tokens: Tensor<B, 3>, prefix: usize, grid: [usize; 2]) -> Tensor<B, 4> {
    let [batch, count, dim] = tokens.dims();
    tokens
        .narrow(1, prefix, count - prefix)
        .swap_dims(1, 2)
        .reshape([batch, dim, grid[0], grid[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_those_of_the_patches_alone() {
        let values = [9.0, -9.0, 1.0, 4.0, 3.0, 4.0]; // a class token, then two patches, of two channels
        let tokens = Tensor::<burn_flex::Flex, 1>::from_floats(values, &Default::default());
        let pooled = pool(tokens.reshape([1, 3, 2]), 1, Pooling::PatchMeanStd).into_data();
        assert_eq!(pooled.shape.to_vec(), [1, 4]);
        let found: Vec<f32> = pooled.iter().collect();
        for (found, expected) in found.iter().zip([2.0, 4.0, 1.0, 0.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn equal_patches_have_a_finite_gradient() {
        let _graph = fused_ops::lock_autodiff();
        type Ad = burn::backend::Autodiff<burn_flex::Flex>;
        let tokens = Tensor::<Ad, 3>::ones([1, 3, 2], &Default::default()).require_grad();
        let gradients = pool(tokens.clone(), 1, Pooling::PatchMeanStd)
            .sum()
            .backward();
        let gradient = tokens.grad(&gradients).unwrap().into_data();
        assert!(gradient.iter::<f32>().all(f32::is_finite));
    }

    #[test]
    fn groups_are_averaged_patch_by_patch_behind_the_prefix() {
        let values = [9.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0]; // a class token, then three patches of two groups
        let tokens = Tensor::<burn_flex::Flex, 1>::from_floats(values, &Default::default());
        let mean = mean_over_groups(tokens.reshape([1, 7, 1]), 1, 2).into_data();
        assert_eq!(mean.iter::<f32>().collect::<Vec<_>>(), [9.0, 3.0, 4.0, 5.0]);
    }
}
