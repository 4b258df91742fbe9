//! Settings of the optimisers; rates and decay belong to the parameter groups.

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// AdamW with decoupled decay (Loshchilov and Hutter 2019, algorithm 2); defaults as `torch.optim.AdamW`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

/// Stochastic gradient descent with momentum, as `torch.optim.SGD` with dampening 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// Momentum; 0 keeps no state.
    pub momentum: f64,
    /// Nesterov's variant.
    pub nesterov: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            momentum: 0.9,
            nesterov: false,
        }
    }
}

/// The optimiser of a run; rates and decay belong to the groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// See [`AdamWConfig`].
    AdamW(AdamWConfig),
    /// See [`SgdConfig`].
    Sgd(SgdConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::AdamW(AdamWConfig::default())
    }
}

impl OptimizerConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let factor = |name: &str, value: f64| {
            if (0.0..1.0).contains(&value) {
                return Ok(());
            }
            Err(TrainError::setting(name, value, "at least 0 and below 1"))
        };
        match self {
            Self::AdamW(c) => {
                factor("beta1", c.beta1)?;
                factor("beta2", c.beta2)?;
                if !(c.epsilon.is_finite() && c.epsilon > 0.0) {
                    return Err(TrainError::setting(
                        "epsilon",
                        c.epsilon,
                        "finite and above 0",
                    ));
                }
                Ok(())
            }
            Self::Sgd(c) => {
                factor("momentum", c.momentum)?;
                if c.nesterov && c.momentum == 0.0 {
                    return Err(TrainError::setting(
                        "nesterov",
                        true,
                        "used with a momentum above 0",
                    ));
                }
                Ok(())
            }
        }
    }
}
