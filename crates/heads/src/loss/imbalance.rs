//! Losses of the long-tail literature over logits: focal, label-distribution-aware margins, logit adjustment.

use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::class_weights::needed;
use super::{ClassWeights, Targets};
use crate::HeadError;

/// How a loss treats classes of very different sizes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ImbalanceLossConfig {
    /// Focal loss (Lin et al., ICCV 2017): `(1 − p_y)^γ · −log p_y` with `p = softmax(logits)`.
    Focal {
        /// γ, 0 (cross-entropy) or above; the paper uses 2.
        gamma: f64,
    },
    /// Label-distribution-aware margins (Cao et al., NeurIPS 2019): cross-entropy of `s · (logits − Δ_y e_y)` with
    /// `Δ_c = max_margin · (n_min / n_c)^{1/4}`. Logits are meant to be cosines, see [`crate::LogisticConfig::loss`].
    Ldam {
        /// The margin of the rarest class, 0 or above; 0.5 in the published code.
        max_margin: f64,
        /// s, above 0; 30 in the published code.
        scale: f64,
    },
    /// Cross-entropy of `logits + τ log prior` (Menon et al., ICLR 2021; with τ = 1 the balanced softmax of Ren et al.,
    /// NeurIPS 2020). The logits themselves decide.
    LogitAdjusted {
        /// τ; 1 is the Bayes rule for balanced classes.
        tau: f64,
    },
}

impl ImbalanceLossConfig {
    /// Checks every number.
    ///
    /// # Errors
    /// [`HeadError::Setting`], naming it.
    pub fn validate(&self) -> Result<(), HeadError> {
        let check = |name, value: f64, good: bool, allowed: &str| {
            if good && value.is_finite() {
                return Ok(());
            }
            Err(HeadError::Setting {
                name,
                value: value.to_string(),
                allowed: allowed.into(),
            })
        };
        match *self {
            Self::Focal { gamma } => check("gamma", gamma, gamma >= 0.0, "finite and 0 or above"),
            Self::Ldam { max_margin, scale } => {
                check(
                    "max_margin",
                    max_margin,
                    max_margin >= 0.0,
                    "finite and 0 or above",
                )?;
                check("scale", scale, scale > 0.0, "finite and above 0")
            }
            Self::LogitAdjusted { tau } => check("tau", tau, true, "finite"),
        }
    }
}

/// Margins `max_margin · (n_min / n_c)^{1/4}` of classes with `counts` examples (Cao et al. 2019, scaled so that the
/// rarest class has `max_margin`).
///
/// # Errors
/// A class without examples.
pub fn ldam_margins(counts: &[usize], max_margin: f64) -> Result<Vec<f64>, HeadError> {
    let counts = needed(Some(counts), "margins", counts.len())?;
    let rarest = counts.iter().copied().min().unwrap_or(1) as f64;
    Ok(counts
        .iter()
        .map(|&n| max_margin * (rarest / n as f64).powf(0.25))
        .collect())
}

/// `τ log(n_c / n)` of every class.
///
/// # Errors
/// A class without examples.
pub fn log_prior(counts: &[usize], tau: f64) -> Result<Vec<f64>, HeadError> {
    let counts = needed(Some(counts), "prior", counts.len())?;
    let all: usize = counts.iter().sum();
    Ok(counts
        .iter()
        .map(|&n| tau * (n as f64 / all as f64).ln())
        .collect())
}

/// One of the losses of [`ImbalanceLossConfig`] for a training set: a weighted mean over the rows, as PyTorch's
/// `cross_entropy` with `weight` forms it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImbalanceLoss {
    config: ImbalanceLossConfig,
    /// Margins or log priors, per class; empty for the focal loss.
    offsets: Vec<f64>,
    weights: Option<Vec<f64>>,
    classes: usize,
}

impl ImbalanceLoss {
    /// The loss for a training set with `counts` examples per class. `weights` stand before every row's loss (in LDAM-DRW those
    /// of the effective number of samples, from a certain epoch on).
    ///
    /// # Errors
    /// A number outside its range, a class without examples, or class weights that cannot be resolved.
    pub fn new(
        config: &ImbalanceLossConfig,
        weights: &ClassWeights,
        counts: &[usize],
    ) -> Result<Self, HeadError> {
        config.validate()?;
        let offsets = match *config {
            ImbalanceLossConfig::Focal { .. } => Vec::new(),
            ImbalanceLossConfig::Ldam { max_margin, .. } => ldam_margins(counts, max_margin)?,
            ImbalanceLossConfig::LogitAdjusted { tau } => log_prior(counts, tau)?,
        };
        Ok(Self {
            config: *config,
            offsets,
            weights: weights.resolve(counts.len(), Some(counts))?,
            classes: counts.len(),
        })
    }

    /// Checks labels and puts them on the device with their weights.
    ///
    /// # Errors
    /// [`HeadError::Label`] for a label that is no class.
    pub fn targets<B: Backend>(
        &self,
        labels: &[usize],
        device: &B::Device,
    ) -> Result<Targets<B>, HeadError> {
        let mut index = Vec::with_capacity(labels.len());
        let mut weight = Vec::with_capacity(labels.len());
        for (row, &label) in labels.iter().enumerate() {
            if label >= self.classes {
                return Err(HeadError::Label {
                    row,
                    label: i64::try_from(label).unwrap_or(i64::MAX),
                    classes: self.classes,
                });
            }
            index.push(label as i32);
            weight.push(self.weights.as_ref().map_or(1.0, |w| w[label] as f32));
        }
        let counted = vec![1.0; labels.len()];
        Ok(Targets::new(index, weight, counted, device))
    }

    /// The mean loss, shape `[1]`.
    ///
    /// # Shapes
    /// - `logits`: `[rows, classes]`
    /// - `targets`: `rows` labels
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward<B: Backend>(&self, logits: Tensor<B, 2>, targets: &Targets<B>) -> Tensor<B, 1> {
        let [rows, classes] = logits.dims();
        assert_eq!(
            (rows, classes),
            (targets.rows(), self.classes),
            "logits are [rows, classes]"
        );
        let device = logits.device();
        let offsets = || {
            let values: Vec<f32> = self.offsets.iter().map(|v| *v as f32).collect();
            Tensor::<B, 1>::from_data(TensorData::new(values, [classes]), &device)
        };
        let index = targets.index.clone().unsqueeze_dim::<2>(1);
        let log_p = match self.config {
            ImbalanceLossConfig::Focal { .. } => log_softmax(logits, 1),
            ImbalanceLossConfig::LogitAdjusted { .. } => {
                log_softmax(logits + offsets().unsqueeze_dim(0), 1)
            }
            ImbalanceLossConfig::Ldam { scale, .. } => {
                let own: Tensor<B, 2> = index
                    .clone()
                    .equal(
                        Tensor::arange(0..classes as i64, &device)
                            .unsqueeze_dim::<2>(0)
                            .expand([rows, classes]),
                    )
                    .float();
                log_softmax((logits - own * offsets().unsqueeze_dim(0)) * scale, 1)
            }
        };
        let nll = log_p.gather(1, index).squeeze_dim::<1>(1).neg();
        let each = match self.config {
            ImbalanceLossConfig::Focal { gamma } if gamma > 0.0 => {
                // 1 - p by exp_m1 would be better, but where p is 1 in single precision the loss is 0 either way.
                let miss = nll.clone().neg().exp().neg() + 1.0;
                nll * miss.clamp_min(f32::MIN_POSITIVE).powf_scalar(gamma)
            }
            _ => nll,
        };
        let total = targets.total_weight();
        let sum = (each * targets.weight.clone()).sum();
        if total > 0.0 { sum / total } else { sum * 0.0 }
    }
}
