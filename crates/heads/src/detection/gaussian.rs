//! Oriented boxes as Gaussians, and distances between them.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use super::oriented::Oriented;
use crate::HeadError;

/// Which distance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gaussian {
    /// Kullback-Leibler divergence of the target from the prediction, `D(target || prediction)`, mmrotate's choice.
    #[default]
    Kld,
    /// Kullback-Leibler divergence of the prediction from the target, `D(prediction || target)`.
    KldReverse,
    /// Wasserstein distance, divided by twice the eighth root of the product of both covariances' determinants.
    Gwd,
}

/// What is applied to the distance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GaussianTransform {
    /// `ln(1 + D)`.
    #[default]
    Log1p,
    /// `sqrt(D)`.
    Sqrt,
}

/// Settings of a Gaussian box loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaussianConfig {
    /// Which distance.
    pub distance: Gaussian,
    /// Whether the square root of the divergence is taken first, as mmrotate's `GDLoss` does; the papers do not for the divergence. The Wasserstein
    /// distance is always the root of its square.
    pub root: bool,
    /// What is applied then.
    pub transform: GaussianTransform,
    /// τ, at least 1.
    pub tau: f64,
}

impl Default for GaussianConfig {
    fn default() -> Self {
        Self {
            distance: Gaussian::Kld,
            root: true,
            transform: GaussianTransform::Log1p,
            tau: 1.0,
        }
    }
}

/// Below this a root has no useful gradient; mmrotate's limit.
const SMALLEST_DISTANCE: f64 = 1e-7;
impl GaussianConfig {
    pub(super) fn validate(&self) -> Result<(), HeadError> {
        if self.tau.is_finite() && self.tau >= 1.0 {
            return Ok(());
        }
        Err(HeadError::Setting {
            name: "box.tau",
            value: self.tau.to_string(),
            allowed: "finite and 1 or above".into(),
        })
    }

    /// The loss of every box, 0 to 1.
    ///
    /// # Equation
    /// A box is `N(μ, Σ)` with `μ` its centre and `Σ = R diag(w²/4, h²/4) Rᵀ` (Yang et al. 2021, "Rethinking Rotated Object Detection with
    /// Gaussian Wasserstein Distance Loss" and "Learning High-Precision Bounding Box for Rotated Object Detection via Kullback-Leibler Divergence").
    /// - `D_kl(N_a || N_b) = 1/2 (μ_a - μ_b)ᵀ Σ_b⁻¹ (μ_a - μ_b) + 1/2 Tr(Σ_b⁻¹ Σ_a) + 1/2 ln(|Σ_b| / |Σ_a|) - 1`
    /// - `W² = |μ_a - μ_b|² + Tr(Σ_a + Σ_b - 2 (Σ_a^1/2 Σ_b Σ_a^1/2)^1/2)`; for 2 x 2 matrices the last trace is
    ///   `sqrt(Tr(Σ_a Σ_b) + 2 sqrt(|Σ_a| |Σ_b|))`.
    ///
    /// The loss is `1 - 1 / (τ + f(D))`.
    ///
    /// # Shapes
    /// `[boxes]`
    pub(super) fn loss<B: Backend>(&self, found: &Normal<B>, truth: &Normal<B>) -> Tensor<B, 1> {
        let distance = match self.distance {
            Gaussian::Kld => divergence(truth, found),
            Gaussian::KldReverse => divergence(found, truth),
            Gaussian::Gwd => wasserstein(found, truth),
        };
        let distance = match (self.distance, self.root) {
            (Gaussian::Gwd, _) => distance,
            (_, true) => root(distance),
            (_, false) => distance.clamp_min(0.0),
        };
        let value = match self.transform {
            GaussianTransform::Log1p => distance.log1p(),
            GaussianTransform::Sqrt => root(distance),
        };
        (value + self.tau).recip().neg() + 1.0
    }
}

/// Boxes as Gaussians around the locations that answer for them.
#[derive(Debug, Clone)]
pub(super) struct Normal<B: Backend> {
    x: Tensor<B, 1>,
    y: Tensor<B, 1>,
    xx: Tensor<B, 1>,
    xy: Tensor<B, 1>,
    yy: Tensor<B, 1>,
    determinant: Tensor<B, 1>,
    /// Natural logarithm of the determinant.
    logarithm: Tensor<B, 1>,
}

impl<B: Backend> Normal<B> {
    /// Of distances `[boxes, 4]` (left, top, right, bottom in the frame of the box) and angles `[boxes]`.
    pub(super) fn new(distances: &Tensor<B, 2>, angle: &Tensor<B, 1>) -> Self {
        let Oriented {
            x,
            y,
            width,
            height,
            angle,
        } = Oriented::new(distances, angle);
        let (cos, sin) = (angle.clone().cos(), angle.sin());
        let (wide, high) = (
            width.clone().square() * 0.25,
            height.clone().square() * 0.25,
        );
        let (cc, ss) = (cos.clone().square(), sin.clone().square());
        Self {
            x,
            y,
            xx: cc.clone() * wide.clone() + ss.clone() * high.clone(),
            xy: cos * sin * (wide.clone() - high.clone()),
            yy: ss * wide.clone() + cc * high.clone(),
            determinant: wide * high,
            logarithm: (width.log() + height.log()) * 2.0 - 16f64.ln(),
        }
    }
}

fn root<B: Backend>(value: Tensor<B, 1>) -> Tensor<B, 1> {
    value.clamp_min(SMALLEST_DISTANCE).sqrt()
}

/// `D_kl(N_a || N_b)`.
fn divergence<B: Backend>(a: &Normal<B>, b: &Normal<B>) -> Tensor<B, 1> {
    let (x, y) = (a.x.clone() - b.x.clone(), a.y.clone() - b.y.clone());
    let place = x.clone().square() * b.yy.clone() + y.clone().square() * b.xx.clone()
        - x * y * b.xy.clone() * 2.0;
    let shape = b.yy.clone() * a.xx.clone() + b.xx.clone() * a.yy.clone()
        - b.xy.clone() * a.xy.clone() * 2.0;
    let size = b.logarithm.clone() - a.logarithm.clone();
    ((place + shape) / b.determinant.clone() + size) * 0.5 - 1.0
}

/// `W`, divided by the size of both.
fn wasserstein<B: Backend>(a: &Normal<B>, b: &Normal<B>) -> Tensor<B, 1> {
    let place = (a.x.clone() - b.x.clone()).square() + (a.y.clone() - b.y.clone()).square();
    let traces = a.xx.clone() + a.yy.clone() + b.xx.clone() + b.yy.clone();
    let product = a.xx.clone() * b.xx.clone()
        + a.xy.clone() * b.xy.clone() * 2.0
        + a.yy.clone() * b.yy.clone();
    let mean = root(a.determinant.clone() * b.determinant.clone());
    let common = root(product + mean.clone() * 2.0);
    root(place + traces - common * 2.0) / (root(root(mean)) * 2.0)
}
