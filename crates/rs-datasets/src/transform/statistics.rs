//! Band statistics: what they are, and where they come from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BandSet, DataError, InputUnit};

/// Where band statistics come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum StatisticsSource {
    /// Computed over one part of a split.
    Split {
        /// Name of the data set.
        dataset: String,
        /// SHA-256 of the split ([`crate::Split::sha256`]).
        split_sha256: String,
        /// Name of the part.
        part: String,
    },
    /// The statistics with which pretrained weights were trained.
    Weights {
        /// Name of the weights.
        name: String,
    },
}

impl fmt::Display for StatisticsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split {
                dataset,
                split_sha256,
                part,
            } => {
                let short: String = split_sha256.chars().take(12).collect();
                write!(f, "part `{part}` of split {short} of {dataset}")
            }
            Self::Weights { name } => write!(f, "the weights {name}"),
        }
    }
}

/// Percentiles of each band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// Lower percentage, e.g. 2.
    pub low_percent: f64,
    /// Upper percentage, e.g. 98.
    pub high_percent: f64,
    /// Lower percentile of each band.
    pub low: Vec<f64>,
    /// Upper percentile of each band.
    pub high: Vec<f64>,
}

/// Mean and standard deviation of each band over all valid pixels, in a stated unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandStatistics {
    /// Names of the bands, in order.
    pub bands: Vec<String>,
    /// Mean of each band.
    pub mean: Vec<f64>,
    /// Standard deviation of each band (dividing by the number of pixels).
    pub std: Vec<f64>,
    /// Unit of the values.
    pub unit: InputUnit,
    /// Where they come from.
    pub source: StatisticsSource,
    /// Percentiles, when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Percentiles>,
}

impl BandStatistics {
    /// That there is one finite mean and one positive deviation per band.
    ///
    /// # Errors
    /// [`DataError::Statistics`].
    pub fn validate(&self) -> Result<(), DataError> {
        let n = self.bands.len();
        if n == 0 || self.mean.len() != n || self.std.len() != n {
            let (means, stds) = (self.mean.len(), self.std.len());
            return Err(self.bad(format!(
                "hold {n} bands, {means} means, {stds} deviations; expected as many of each"
            )));
        }
        for (band, name) in self.bands.iter().enumerate() {
            let (mean, std) = (self.mean[band], self.std[band]);
            if !(mean.is_finite() && std.is_finite() && std > 0.0) {
                return Err(self.bad(format!(
                    "band `{name}` has mean {mean} and deviation {std}; leave a constant band out with select_bands"
                )));
            }
        }
        Ok(())
    }

    /// That they hold for an image with these bands in this unit.
    ///
    /// # Errors
    /// [`DataError::Statistics`].
    pub fn check(&self, bands: &BandSet, unit: InputUnit) -> Result<(), DataError> {
        if bands.names() != self.bands {
            let (own, found) = (self.bands.join(", "), bands.names().join(", "));
            return Err(self.bad(format!(
                "are of the bands {own}, the image has {found}; select the bands first"
            )));
        }
        if unit != self.unit {
            return Err(self.bad(format!(
                "are in {:?}, the image in {unit:?}; convert the unit first",
                self.unit
            )));
        }
        Ok(())
    }

    /// The statistics of the named bands, in that order.
    ///
    /// # Errors
    /// [`DataError::UnknownBand`].
    pub fn select(&self, names: &[&str]) -> Result<Self, DataError> {
        let find = |name: &&str| {
            self.bands
                .iter()
                .position(|band| band == name)
                .ok_or_else(|| DataError::UnknownBand {
                    name: name.to_string(),
                    available: self.bands.join(", "),
                })
        };
        let at: Vec<usize> = names.iter().map(find).collect::<Result<_, _>>()?;
        let pick = |values: &[f64]| at.iter().map(|&i| values[i]).collect::<Vec<f64>>();
        Ok(Self {
            bands: at.iter().map(|&i| self.bands[i].clone()).collect(),
            mean: pick(&self.mean),
            std: pick(&self.std),
            percentiles: self.percentiles.as_ref().map(|p| Percentiles {
                low: pick(&p.low),
                high: pick(&p.high),
                ..p.clone()
            }),
            ..self.clone()
        })
    }

    fn bad(&self, detail: String) -> DataError {
        DataError::Statistics {
            origin: self.source.to_string(),
            detail,
        }
    }
}
