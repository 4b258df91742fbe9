//! The linear head: fixed standardisation of the features, then one linear map.

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::HeadError;
use crate::probe::{LogisticProbe, Standardiser};

/// Settings of [`LinearHead`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearHeadConfig {
    /// Feature dimension.
    pub dim: usize,
    /// Number of classes.
    pub classes: usize,
    /// Standard deviation of the initial weights, a normal cut off at two deviations (0.02 as in timm); bias 0.
    #[serde(default = "default_init_std")]
    pub init_std: f64,
}

fn default_init_std() -> f64 {
    0.02
}

impl LinearHeadConfig {
    /// A head from `dim` features to `classes` classes with the default initialisation.
    pub fn new(dim: usize, classes: usize) -> Self {
        Self {
            dim,
            classes,
            init_std: default_init_std(),
        }
    }

    /// A seeded head; `standardiser` fixes the statistics that features are standardised with, `None` leaves them raw.
    ///
    /// Weights are drawn on the host from ChaCha8, so the same seed gives the same head on every backend.
    ///
    /// # Errors
    /// A dimension of 0, a negative or non-finite deviation, or statistics of another dimension.
    pub fn init<B: Backend>(
        &self,
        standardiser: Option<&Standardiser>,
        seed: u64,
        device: &B::Device,
    ) -> Result<LinearHead<B>, HeadError> {
        for (name, value) in [("dim", self.dim), ("classes", self.classes)] {
            if value == 0 {
                return Err(HeadError::Setting {
                    name,
                    value: "0".into(),
                    allowed: "1 or above".into(),
                });
            }
        }
        if !(self.init_std.is_finite() && self.init_std >= 0.0) {
            return Err(HeadError::Setting {
                name: "init_std",
                value: self.init_std.to_string(),
                allowed: "finite and 0 or above".into(),
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let weight = (0..self.dim * self.classes)
            .map(|_| (self.init_std * truncated_normal(&mut rng)) as f32)
            .collect();
        LinearHead::from_arrays(
            &HeadArrays {
                weight,
                bias: vec![0.0; self.classes],
                standardiser: standardiser.cloned(),
            },
            device,
        )
    }
}

/// A standard normal number within two deviations: Box-Muller with rejection.
fn truncated_normal(rng: &mut impl Rng) -> f64 {
    loop {
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let z = radius * (std::f64::consts::TAU * rng.random::<f64>()).cos();
        if z.abs() <= 2.0 {
            return z;
        }
    }
}

/// A head as plain numbers, in PyTorch's layout: what files hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadArrays {
    /// Weights, row-major `[classes, dim]`.
    pub weight: Vec<f32>,
    /// Bias per class.
    pub bias: Vec<f32>,
    /// Fixed statistics of the features, if the head standardises.
    pub standardiser: Option<Standardiser>,
}

impl HeadArrays {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.bias.len()
    }

    /// The feature dimension.
    pub fn dim(&self) -> usize {
        self.weight.len() / self.classes().max(1)
    }

    /// The same map without standardisation: `W/σ` and `b - W(μ/σ)`. For programs that know a plain linear layer only.
    pub fn folded(&self) -> Self {
        let Some(s) = &self.standardiser else {
            return self.clone();
        };
        let mut weight = Vec::with_capacity(self.weight.len());
        let mut bias = Vec::with_capacity(self.bias.len());
        for (row, b) in self.weight.chunks_exact(s.dim()).zip(&self.bias) {
            let mut shift = 0.0_f64;
            for ((w, m), d) in row.iter().zip(&s.mean).zip(&s.std) {
                weight.push((f64::from(*w) / d) as f32);
                shift += f64::from(*w) * m / d;
            }
            bias.push((f64::from(*b) - shift) as f32);
        }
        Self {
            weight,
            bias,
            standardiser: None,
        }
    }

    fn validate(&self) -> Result<(), HeadError> {
        if self.bias.is_empty() || self.weight.is_empty() {
            return Err(HeadError::Empty { what: "the head" });
        }
        let expected = self.dim() * self.classes();
        if expected != self.weight.len() {
            return Err(HeadError::Length {
                what: "the head's weight",
                expected,
                found: self.weight.len(),
            });
        }
        if let Some(s) = &self.standardiser {
            s.validate()?;
            if s.dim() != self.dim() {
                return Err(HeadError::Dimension {
                    what: "head",
                    expected: self.dim(),
                    found: s.dim(),
                });
            }
        }
        Ok(())
    }
}

/// Logits `(x - μ)/σ · Wᵀ + b`.
///
/// μ and σ are constants of the training set: they require no gradient, so no optimiser touches them, but they are saved
/// with the head.
#[derive(Module, Debug)]
pub struct LinearHead<B: Backend> {
    /// Mean of the features, `[dim]`; frozen.
    pub mean: Option<Param<Tensor<B, 1>>>,
    /// Inverse standard deviation of the features, `[dim]`; frozen.
    pub inverse_std: Option<Param<Tensor<B, 1>>>,
    /// The trainable map.
    pub linear: Linear<B>,
}

impl<B: Backend> LinearHead<B> {
    /// Logits of pooled features.
    ///
    /// # Shapes
    /// - `features`: `[batch, dim]`
    /// - output: `[batch, classes]`
    pub fn forward(&self, features: Tensor<B, 2>) -> Tensor<B, 2> {
        let mut x = features;
        if let Some(mean) = &self.mean {
            x = x - mean.val().unsqueeze_dim(0);
        }
        if let Some(inverse) = &self.inverse_std {
            x = x * inverse.val().unsqueeze_dim(0);
        }
        self.linear.forward(x)
    }

    /// Feature dimension and number of classes.
    pub fn dims(&self) -> (usize, usize) {
        let [dim, classes] = self.linear.weight.dims();
        (dim, classes)
    }

    /// A head from plain numbers.
    ///
    /// # Errors
    /// Arrays whose lengths do not fit together, or a standard deviation that is not above 0.
    pub fn from_arrays(arrays: &HeadArrays, device: &B::Device) -> Result<Self, HeadError> {
        arrays.validate()?;
        let (dim, classes) = (arrays.dim(), arrays.classes());
        // burn keeps [in, out], PyTorch and the arrays [out, in].
        let mut weight = Vec::with_capacity(dim * classes);
        for d in 0..dim {
            weight.extend((0..classes).map(|c| arrays.weight[c * dim + d]));
        }
        let frozen = |values: Vec<f32>| {
            let tensor = Tensor::<B, 1>::from_data(TensorData::new(values, [dim]), device);
            Param::initialized(ParamId::new(), tensor)
        };
        let statistics = arrays.standardiser.as_ref();
        Ok(Self {
            mean: statistics.map(|s| frozen(s.mean.iter().map(|v| *v as f32).collect())),
            inverse_std: statistics
                .map(|s| frozen(s.std.iter().map(|v| (1.0 / v) as f32).collect())),
            linear: Linear {
                weight: Param::from_data(TensorData::new(weight, [dim, classes]), device),
                bias: Some(Param::from_data(
                    TensorData::new(arrays.bias.clone(), [classes]),
                    device,
                )),
            },
        })
    }

    /// The head as plain numbers; the standard deviation is the reciprocal of the stored inverse.
    pub fn to_arrays(&self) -> HeadArrays {
        let (dim, classes) = self.dims();
        let flat = values(self.linear.weight.val());
        let mut weight = Vec::with_capacity(dim * classes);
        for c in 0..classes {
            weight.extend((0..dim).map(|d| flat[d * classes + c]));
        }
        let bias = match &self.linear.bias {
            Some(bias) => values(bias.val()),
            None => vec![0.0; classes],
        };
        let standardiser = match (&self.mean, &self.inverse_std) {
            (Some(mean), Some(inverse)) => Some(Standardiser {
                mean: values(mean.val()).into_iter().map(f64::from).collect(),
                std: values(inverse.val())
                    .into_iter()
                    .map(|v| 1.0 / f64::from(v))
                    .collect(),
            }),
            _ => None,
        };
        HeadArrays {
            weight,
            bias,
            standardiser,
        }
    }

    /// The head that a fitted probe is: same logits up to f32 rounding. A good start for tuning head and adapter together.
    ///
    /// # Errors
    /// As [`from_arrays`](Self::from_arrays).
    pub fn from_probe(probe: &LogisticProbe, device: &B::Device) -> Result<Self, HeadError> {
        Self::from_arrays(
            &HeadArrays {
                weight: probe.weight.iter().map(|v| *v as f32).collect(),
                bias: probe.bias.iter().map(|v| *v as f32).collect(),
                standardiser: Some(probe.standardiser.clone()),
            },
            device,
        )
    }
}

/// The values of a tensor on the host, as f32 whatever the backend's float is.
fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
