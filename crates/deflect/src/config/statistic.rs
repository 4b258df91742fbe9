//! Summaries of the pixels of a patch, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{DeflectError, invalid};

/// One summary of the pixels of a patch. In files: `mean`, `std`, `min`, `max`, and `q25` for the 25 % quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Standard deviation, divided by the number of pixels.
    Std,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Quantile, percent from 0 to 100, with linear interpolation between neighbours.
    Quantile(f64),
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Std => f.write_str("std"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Quantile(percent) => write!(f, "q{percent}"),
        }
    }
}

impl From<Statistic> for String {
    fn from(statistic: Statistic) -> Self {
        statistic.to_string()
    }
}

impl TryFrom<String> for Statistic {
    type Error = DeflectError;

    fn try_from(name: String) -> Result<Self, DeflectError> {
        let quantile = name.strip_prefix('q').and_then(|p| p.parse::<f64>().ok());
        match (name.as_str(), quantile) {
            ("mean", _) => Ok(Self::Mean),
            ("std", _) => Ok(Self::Std),
            ("min", _) => Ok(Self::Min),
            ("max", _) => Ok(Self::Max),
            (_, Some(percent)) if (0.0..=100.0).contains(&percent) => Ok(Self::Quantile(percent)),
            _ => Err(invalid(
                "a statistic",
                name,
                "mean, std, min, max, or q0 to q100 for a quantile in percent",
            )),
        }
    }
}
