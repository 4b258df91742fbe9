//! The loss of class logits: focal, with class weights or effective class margins.

use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::{ClassWeights, HeadError};

/// Focal modulation (Lin et al. 2017) of binary cross-entropy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Focal {
    /// Exponent of the error: 0 (no modulation) or 1 and above, where the gradient is finite.
    pub gamma: f64,
    /// Weight of the true class, one minus it of the others; absent: 1 for both.
    pub alpha: Option<f64>,
}

impl Default for Focal {
    /// γ = 2 and α = 0.25, as published and as FCOS has it.
    fn default() -> Self {
        Self {
            gamma: 2.0,
            alpha: Some(0.25),
        }
    }
}

/// Effective class margins (Cho and Krähenbühl 2022).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassMargin {
    /// Background samples per object. The authors measured 6.3313 for the proposals of Mask R-CNN; it counts among the samples that are not of a class.
    pub background: f64,
}

impl Default for ClassMargin {
    fn default() -> Self {
        Self { background: 6.3313 }
    }
}

/// Settings of [`ClassTerm`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassLossConfig {
    /// Focal modulation.
    pub focal: Focal,
    /// Weight of the locations that answer for an object of a class; background weighs 1 (class-balanced focal loss, Cui et al. 2019).
    pub class_weights: ClassWeights,
    /// Effective class margins; absent: none. The released code has no focal modulation (`focal = { gamma = 0 }` without `alpha`); dense
    /// heads, most of whose locations are easy background, are usually trained with it.
    pub margin: Option<ClassMargin>,
}

/// The loss of class logits.
///
/// # Equation
/// With logit `s`, `y` 1 for the location's class and 0 for the others, `p = sigmoid(z)`, `p_t = p` where `y` is 1 and `1 - p` elsewhere:
/// `L = Σ_locations w_y Σ_c v_c α_t (1 - p_t)^γ (-log p_t)`.
///
/// Without margins `z = s` and `v = 1`. With margins, `n_c` objects of a class and `m_c = Σ n + background - n_c`:
/// `z = 2 s + 1/4 ln(n_c / m_c)`, which is the surrogate score `w⁺e^s / (w⁺e^s + w⁻e^-s)` with the inverse margins
/// `w⁺ = (n^1/4 + m^1/4) / m^1/4` and `w⁻ = (n^1/4 + m^1/4) / n^1/4`, and `v_c = a ln((1 + a) / a)` with `a = m_c / n_c`. When detecting,
/// the score is `sigmoid(s)` either way.
#[derive(Debug, Clone)]
pub struct ClassTerm {
    focal: Focal,
    classes: usize,
    of_class: Option<Vec<f64>>,
    /// Shift of the logits and weight, per class.
    margins: Option<Vec<(f64, f64)>>,
}

impl ClassTerm {
    /// The loss over `classes` classes; `counts` are the training objects per class, needed for weights by frequency and for margins.
    ///
    /// # Errors
    /// [`HeadError::Setting`] for a number out of range or counts that are needed and absent, [`HeadError::EmptyClass`] for a class without
    /// an object where they are needed.
    pub fn new(
        config: &ClassLossConfig,
        classes: usize,
        counts: Option<&[usize]>,
    ) -> Result<Self, HeadError> {
        let bad = |name, value: String, allowed: &str| {
            Err(HeadError::Setting {
                name,
                value,
                allowed: allowed.into(),
            })
        };
        let Focal { gamma, alpha } = config.focal;
        if !(gamma == 0.0 || (1.0..=16.0).contains(&gamma)) {
            return bad("focal.gamma", gamma.to_string(), "0, or 1 to 16");
        }
        if alpha.is_some_and(|alpha| !(0.0..=1.0).contains(&alpha)) {
            return bad("focal.alpha", format!("{alpha:?}"), "0 to 1, or absent");
        }
        let margins = match config.margin {
            None => None,
            Some(ClassMargin { background }) => {
                if !(background.is_finite() && background > 0.0) {
                    return bad(
                        "margin.background",
                        background.to_string(),
                        "finite and above 0",
                    );
                }
                Some(margins(background, classes, counts)?)
            }
        };
        Ok(Self {
            focal: config.focal,
            classes,
            of_class: config.class_weights.resolve(classes, counts)?,
            margins,
        })
    }

    /// Weight of a location that answers for an object of `class`.
    pub(super) fn weight_of(&self, class: usize) -> f64 {
        self.of_class
            .as_ref()
            .and_then(|weights| weights.get(class))
            .copied()
            .unwrap_or(1.0)
    }

    /// The sum over all locations and classes, shape `[1]`.
    ///
    /// # Shapes
    /// - `logits`: `[locations, classes]`
    /// - `truth`: the same, 1 for the class of a location, otherwise 0
    /// - `weight`: `[locations, 1]`, 0 for locations that count nothing
    pub(super) fn sum<B: Backend>(
        &self,
        logits: Tensor<B, 2>,
        truth: Tensor<B, 2>,
        weight: Tensor<B, 2>,
    ) -> Tensor<B, 1> {
        let device = logits.device();
        let row = |values: Vec<f32>| {
            Tensor::<B, 2>::from_data(TensorData::new(values, [1, self.classes]), &device)
        };
        let (z, weight) = match &self.margins {
            None => (logits, weight),
            Some(margins) => (
                logits * 2.0 + row(margins.iter().map(|m| m.0 as f32).collect()),
                weight * row(margins.iter().map(|m| m.1 as f32).collect()),
            ),
        };
        // z where the class is true, -z elsewhere: then p_t is its sigmoid.
        let sign = truth.clone() * 2.0 - 1.0;
        let z = z * sign;
        let mut loss = log_sigmoid(z.clone()).neg() * weight;
        if let Some(alpha) = self.focal.alpha {
            loss = loss * (truth * (2.0 * alpha - 1.0) + (1.0 - alpha));
        }
        let gamma = self.focal.gamma;
        if gamma > 0.0 {
            let error = sigmoid(z.neg());
            loss = loss
                * match gamma {
                    1.0 => error,
                    2.0 => error.square(),
                    _ => error.powf_scalar(gamma),
                };
        }
        loss.sum()
    }
}

fn margins(
    background: f64,
    classes: usize,
    counts: Option<&[usize]>,
) -> Result<Vec<(f64, f64)>, HeadError> {
    let counts = counts.ok_or_else(|| HeadError::Setting {
        name: "margin",
        value: "set".into(),
        allowed: "used with the class counts of the training set".into(),
    })?;
    if counts.len() != classes {
        return Err(HeadError::Length {
            what: "the class counts",
            expected: classes,
            found: counts.len(),
        });
    }
    if let Some(class) = counts.iter().position(|&count| count == 0) {
        return Err(HeadError::EmptyClass { class });
    }
    let total: f64 = counts.iter().map(|&count| count as f64).sum::<f64>() * (1.0 + background);
    Ok(counts
        .iter()
        .map(|&count| {
            let others = (total - count as f64) / count as f64;
            (-0.25 * others.ln(), others * (1.0 / others).ln_1p())
        })
        .collect())
}
