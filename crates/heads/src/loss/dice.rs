//! The Dice loss over a batch of pixels.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;

use super::Targets;

/// One minus the soft Dice coefficient (Milletari et al. 2016, without their squares), averaged over classes.
///
/// # Equation
/// With probabilities `p = softmax(logits)`, one-hot labels `y` and sums over the pixels that are not ignored:
/// `L = 1/K Σ_c [Σ y_c > 0] (1 - (Σ p_c y_c + s) / ((Σ p_c + Σ y_c) / 2 + s))`.
/// A class without a pixel in the batch adds nothing, but stays in the divisor `K`, as in segmentation_models_pytorch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dice {
    /// `s` above, 0 or more: draws the coefficient of small classes towards 1.
    pub smooth: f64,
}

/// Below every sum that a pixel contributes to.
const SMALLEST: f64 = 1e-7;

impl Dice {
    /// The loss, shape `[1]`. Class weights of the targets are not used.
    ///
    /// # Shapes
    /// - `logits`: `[rows, classes]`
    /// - `targets`: `rows` labels
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward<B: Backend>(&self, logits: Tensor<B, 2>, targets: &Targets<B>) -> Tensor<B, 1> {
        let [rows, classes] = logits.dims();
        assert_eq!(rows, targets.rows(), "one label per row of logits");
        let counted = targets.counted.clone().unsqueeze_dim::<2>(1);
        let truth = targets.index.clone().one_hot::<2>(classes).float() * counted.clone();
        let probability = softmax(logits, 1) * counted;
        let both = (probability.clone() * truth.clone()).sum_dim(0);
        let support = truth.sum_dim(0);
        let all = probability.sum_dim(0) + support.clone();
        let score = (both + self.smooth) / (all * 0.5 + self.smooth).clamp_min(SMALLEST);
        let present = support.greater_elem(0.0).float();
        ((score.neg() + 1.0) * present).sum() / classes as f64
    }

    /// The loss over dense predictions.
    ///
    /// # Shapes
    /// - `logits`: `[batch, classes, height, width]`
    /// - `targets`: labels in the order `[batch, height, width]`
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward_map<B: Backend>(
        &self,
        logits: Tensor<B, 4>,
        targets: &Targets<B>,
    ) -> Tensor<B, 1> {
        let [batch, classes, height, width] = logits.dims();
        let rows = logits
            .permute([0, 2, 3, 1])
            .reshape([batch * height * width, classes]);
        self.forward(rows, targets)
    }
}
