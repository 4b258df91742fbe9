//! debLoRA's objective: the mean distance between what a learned map makes of the tail's images and their calibrated features.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::HeadError;

/// Squared distances below this are constant zero: the norm has no derivative where an output lies on its target, and 0 is one
/// of its subgradients there. Far below the rounding of single precision at feature scale.
const COINCIDENT: f32 = 1e-24;

/// Settings of [`CalibrationLoss`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CalibrationLossConfig {
    /// Square the distances. The paper prints the norm itself, which is the default.
    pub squared: bool,
    /// Weight of the term that holds the features of other rows where they are; 0 leaves it out, as printed.
    pub keep: f64,
}

/// The loss of a map `g` that is to move features of tail classes to their calibrated places.
///
/// # Equation
/// `L = 1/n Σ ‖g_i − z̃_i‖ + keep · 1/m Σ ‖g_j − z_j‖` (Tian, Chen and Sun, NeurIPS 2024, fourth step): the first sum runs over
/// rows of tail classes, the second over rows whose features `z_j` are to stay, which the paper does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationLoss {
    config: CalibrationLossConfig,
}

impl CalibrationLoss {
    /// The loss.
    ///
    /// # Errors
    /// A weight of the second term that is negative or not finite.
    pub fn new(config: &CalibrationLossConfig) -> Result<Self, HeadError> {
        if !(config.keep.is_finite() && config.keep >= 0.0) {
            return Err(HeadError::Setting {
                name: "keep",
                value: config.keep.to_string(),
                allowed: "finite and 0 or above".into(),
            });
        }
        Ok(Self {
            config: config.clone(),
        })
    }

    /// The weight of the second term.
    pub fn keep(&self) -> f64 {
        self.config.keep
    }

    /// The loss, shape `[1]`. `kept` are outputs and original features of the rows that are to stay; without it, or with
    /// weight 0, the second term is left out.
    ///
    /// # Shapes
    /// - `outputs`, `targets`: `[rows, dim]`
    /// - both of `kept`: `[other rows, dim]`
    ///
    /// # Panics
    /// If the shapes of a pair do not agree.
    pub fn forward<B: Backend>(
        &self,
        outputs: Tensor<B, 2>,
        targets: Tensor<B, 2>,
        kept: Option<(Tensor<B, 2>, Tensor<B, 2>)>,
    ) -> Tensor<B, 1> {
        let moved = self.mean_distance(outputs, targets);
        match kept {
            Some((outputs, originals)) if self.config.keep > 0.0 => {
                moved + self.mean_distance(outputs, originals) * self.config.keep
            }
            _ => moved,
        }
    }

    fn mean_distance<B: Backend>(&self, a: Tensor<B, 2>, b: Tensor<B, 2>) -> Tensor<B, 1> {
        assert_eq!(a.dims(), b.dims(), "outputs and targets are [rows, dim]");
        let squares = (a - b).powi_scalar(2).sum_dim(1);
        if self.config.squared {
            squares.mean()
        } else {
            squares.clamp_min(COINCIDENT).sqrt().mean()
        }
    }
}
