//! The loss of boxes and angles.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use super::gaussian::{GaussianConfig, Normal};
use super::oriented::Oriented;
use super::rotated_iou::rotated_iou;
use crate::HeadError;

/// Which box loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BoxLossKind {
    /// A distance between Gaussians; it sees the angle.
    Gaussian(GaussianConfig),
    /// The IoU of the oriented boxes themselves (Zhou et al. 2019, "IoU Loss for 2D/3D Object Detection"); it sees the angle. Boxes that do not
    /// overlap have no gradient, as in mmrotate.
    RotatedIou {
        /// What becomes of the overlap.
        #[serde(default)]
        transform: IouTransform,
    },
    /// `-ln IoU` of the two boxes in the frame of their own angle (Yu et al. 2016, FCOS's loss); it does not see the angle.
    Iou {},
    /// Smooth L1 of the four distances, summed; it does not see the angle.
    SmoothL1 {
        /// Below this difference the loss is quadratic, above 0.
        beta: f64,
    },
}

/// What becomes of an overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IouTransform {
    /// `-ln IoU`, mmrotate's choice.
    #[default]
    Log,
    /// `1 - IoU`.
    Linear,
    /// `1 - IoU²`.
    Square,
}

/// Smooth L1 on the angle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AngleLossConfig {
    /// Weight in the total.
    pub weight: f64,
    /// Below this difference in radians the loss is quadratic, above 0.
    pub beta: f64,
    /// Whether half a turn is no difference. The published losses take the difference as it is, so that two nearly equal boxes on both sides of the
    /// border of `le90` differ by half a turn.
    pub periodic: bool,
}

impl Default for AngleLossConfig {
    fn default() -> Self {
        Self {
            weight: 1.0,
            beta: 1.0 / 9.0,
            periodic: false,
        }
    }
}

/// The loss of boxes and angles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoxLossConfig {
    /// Of the boxes; a mean weighted by the centre-ness of the targets.
    pub kind: BoxLossKind,
    /// Weight in the total.
    pub weight: f64,
    /// Of the angles, a plain mean; needed where `kind` does not see the angle.
    pub angle: Option<AngleLossConfig>,
}

impl Default for BoxLossConfig {
    fn default() -> Self {
        Self {
            kind: BoxLossKind::Gaussian(GaussianConfig::default()),
            weight: 1.0,
            angle: None,
        }
    }
}

/// Below every overlap that matters; mmdetection's limit.
const SMALLEST_IOU: f64 = 1e-6;

impl BoxLossConfig {
    pub(super) fn validate(&self) -> Result<(), HeadError> {
        let bad = |name, value: String, allowed: &str| {
            Err(HeadError::Setting {
                name,
                value,
                allowed: allowed.into(),
            })
        };
        let above = |value: f64| value.is_finite() && value > 0.0;
        match self.kind {
            BoxLossKind::Gaussian(config) => config.validate()?,
            BoxLossKind::SmoothL1 { beta } if !above(beta) => {
                return bad("box.beta", beta.to_string(), "finite and above 0");
            }
            BoxLossKind::Iou {} | BoxLossKind::SmoothL1 { .. } if self.angle.is_none() => {
                return bad(
                    "box.angle",
                    "absent".into(),
                    "set, as this box loss does not see the angle",
                );
            }
            BoxLossKind::RotatedIou { .. } | BoxLossKind::Iou {} | BoxLossKind::SmoothL1 { .. } => {
            }
        }
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return bad(
                "box.weight",
                self.weight.to_string(),
                "finite and 0 or above",
            );
        }
        if let Some(angle) = self.angle {
            if !above(angle.beta) {
                return bad(
                    "box.angle.beta",
                    angle.beta.to_string(),
                    "finite and above 0",
                );
            }
            if !(angle.weight.is_finite() && angle.weight >= 0.0) {
                return bad(
                    "box.angle.weight",
                    angle.weight.to_string(),
                    "finite and 0 or above",
                );
            }
        }
        Ok(())
    }

    /// The loss of every box, `[boxes]`, from distances `[boxes, 4]` and angles `[boxes]`.
    pub(super) fn boxes<B: Backend>(
        &self,
        found: (&Tensor<B, 2>, &Tensor<B, 1>),
        truth: (&Tensor<B, 2>, &Tensor<B, 1>),
    ) -> Tensor<B, 1> {
        match self.kind {
            BoxLossKind::Gaussian(config) => config.loss(
                &Normal::new(found.0, found.1),
                &Normal::new(truth.0, truth.1),
            ),
            BoxLossKind::RotatedIou { transform } => {
                let found = Oriented::new(found.0, found.1);
                let overlap = rotated_iou(&found, &Oriented::new(truth.0, truth.1));
                match transform {
                    IouTransform::Log => overlap.clamp_min(SMALLEST_IOU).log().neg(),
                    IouTransform::Linear => overlap.neg() + 1.0,
                    IouTransform::Square => overlap.square().neg() + 1.0,
                }
            }
            BoxLossKind::Iou {} => iou(found.0, truth.0).clamp_min(SMALLEST_IOU).log().neg(),
            BoxLossKind::SmoothL1 { beta } => smooth_l1(found.0.clone() - truth.0.clone(), beta)
                .sum_dim(1)
                .squeeze_dim(1),
        }
    }
}

impl AngleLossConfig {
    /// The loss of every angle, `[boxes]`.
    pub(super) fn angles<B: Backend>(
        &self,
        found: Tensor<B, 1>,
        truth: Tensor<B, 1>,
    ) -> Tensor<B, 1> {
        let mut difference = found - truth;
        if self.periodic {
            let pi = std::f64::consts::PI;
            // Whole half turns are constants: they have no gradient.
            let turns = (difference.clone().detach() / pi).round();
            difference = difference - turns * pi;
        }
        smooth_l1(difference, self.beta)
    }
}

/// `x² / (2 beta)` below `beta`, `|x| - beta / 2` from there on.
fn smooth_l1<B: Backend, const D: usize>(difference: Tensor<B, D>, beta: f64) -> Tensor<B, D> {
    let size = difference.abs();
    let near = size.clone().clamp_max(beta);
    // The quadratic part saturates at beta / 2, the rest is linear.
    near.clone().square() * (0.5 / beta) + (size - near)
}

/// Overlap of axis-parallel boxes around one point, given by their distances `[boxes, 4]`.
fn iou<B: Backend>(a: &Tensor<B, 2>, b: &Tensor<B, 2>) -> Tensor<B, 1> {
    let least = a.clone().min_pair(b.clone());
    let area = |d: &Tensor<B, 2>| {
        let side = |k: usize| d.clone().narrow(1, k, 1).squeeze_dim::<1>(1);
        (side(0) + side(2)) * (side(1) + side(3))
    };
    let common = area(&least);
    let all = area(a) + area(b) - common.clone();
    common / all.clamp_min(SMALLEST_IOU)
}
