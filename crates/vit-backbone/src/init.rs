//! Where the values of a model come from: seeded draws on the host, or a checkpoint.
//!
//! Draws never touch the backend's random generator: burn's lazily initialised parameters are drawn again whenever a
//! module is cloned before its first use, and backends draw differently. Here every parameter has a ChaCha stream of
//! its own, keyed by seed and name, so that a model is the same on every backend and adding a parameter changes no other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use crate::BackboneError;

/// How a parameter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InitRule {
    /// All equal.
    Constant(f32),
    /// Uniform on `±sqrt(6 / (fan_in + fan_out))` (Glorot & Bengio 2010, equation 16), which MAE uses for every linear map.
    XavierUniform {
        /// Number of inputs.
        fan_in: usize,
        /// Number of outputs.
        fan_out: usize,
    },
    /// Uniform on `±bound`.
    Uniform {
        /// Half width of the interval.
        bound: f32,
    },
    /// `base^(i / count)` for the number `i` of `count`; nothing is drawn.
    Powers {
        /// What is raised.
        base: f32,
    },
    /// Normal with mean zero, redrawn outside two standard deviations.
    TruncatedNormal {
        /// Standard deviation before truncation.
        std: f32,
    },
}

/// Gives the values of named parameters.
///
/// Names and shapes are those of a PyTorch checkpoint: a linear weight is `[outputs, inputs]`, values are in row-major order.
pub trait ParameterSource {
    /// The values of one parameter, `shape.iter().product()` of them.
    ///
    /// # Errors
    /// Whatever keeps the source from giving them; a seeded draw never fails.
    fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        rule: InitRule,
    ) -> Result<Vec<f32>, BackboneError>;
}

/// Random initial values from one seed.
#[derive(Debug, Clone, Copy)]
pub struct SeededInit {
    seed: u64,
}

impl SeededInit {
    /// A source whose every draw depends on this seed and the name of the parameter only.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The values of the parameter `name`: a function of seed, name, length and rule.
    pub fn draw(&self, name: &str, len: usize, rule: InitRule) -> Vec<f32> {
        let mut rng = self.stream(name);
        match rule {
            InitRule::Constant(value) => vec![value; len],
            InitRule::Powers { base } => {
                (0..len).map(|i| base.powf(i as f32 / len as f32)).collect()
            }
            InitRule::XavierUniform { fan_in, fan_out } => {
                let bound = (6.0 / (fan_in + fan_out).max(1) as f64).sqrt();
                (0..len)
                    .map(|_| ((2.0 * unit(&mut rng) - 1.0) * bound) as f32)
                    .collect()
            }
            InitRule::Uniform { bound } => (0..len)
                .map(|_| ((2.0 * unit(&mut rng) - 1.0) * f64::from(bound)) as f32)
                .collect(),
            InitRule::TruncatedNormal { std } => (0..len)
                .map(|_| (truncated_normal(&mut rng) * f64::from(std)) as f32)
                .collect(),
        }
    }

    /// The random stream of the parameter `name`.
    pub(crate) fn stream(&self, name: &str) -> ChaCha8Rng {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(name.as_bytes());
        ChaCha8Rng::from_seed(hash.finalize().into())
    }
}

impl ParameterSource for SeededInit {
    fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        rule: InitRule,
    ) -> Result<Vec<f32>, BackboneError> {
        Ok(self.draw(name, shape.iter().product(), rule))
    }
}

/// Uniform on `[0, 1)` with 53 random bits.
pub(crate) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Standard normal within ±2 (Box & Muller 1958, redrawn outside).
pub(crate) fn truncated_normal(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
        let value = radius * (std::f64::consts::TAU * unit(rng)).cos();
        if value.abs() <= 2.0 {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_and_name_only() {
        let rule = InitRule::TruncatedNormal { std: 0.02 };
        let a = SeededInit::new(1).draw("a", 64, rule);
        assert_eq!(a, SeededInit::new(1).draw("a", 64, rule));
        assert_ne!(a, SeededInit::new(2).draw("a", 64, rule));
        assert_ne!(a, SeededInit::new(1).draw("b", 64, rule));
    }

    #[test]
    fn distributions_have_their_moments() {
        let normal = SeededInit::new(3).draw("n", 100_000, InitRule::TruncatedNormal { std: 1.0 });
        let variance = normal.iter().map(|v| f64::from(v * v)).sum::<f64>() / 1e5;
        // Variance of a standard normal cut at two: 1 - 4 φ(2) / (2 Φ(2) - 1) = 0.7737.
        assert!((variance - 0.7737).abs() < 0.01, "{variance}");
        assert!(normal.iter().all(|v| v.abs() <= 2.0));
        let xavier = SeededInit::new(3).draw(
            "x",
            100_000,
            InitRule::XavierUniform {
                fan_in: 2,
                fan_out: 4,
            },
        );
        let variance = xavier.iter().map(|v| f64::from(v * v)).sum::<f64>() / 1e5;
        assert!((variance - 1.0 / 3.0).abs() < 0.01, "{variance}");
        assert!(xavier.iter().all(|v| v.abs() <= 1.0));
    }
}
