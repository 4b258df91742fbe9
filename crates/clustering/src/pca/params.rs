//! Parameters of a principal component analysis, unchecked and checked.

use super::errors::PcaError;

/// How many components are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Components {
    /// This many, at least 1, at most the number of rows and of features.
    Count(usize),
    /// As few as explain more than this fraction of the variance; above 0, below 1.
    Variance(f64),
}

/// Parameters as a user writes them; [`PcaParams::check`] makes them usable.
#[derive(Debug, Clone, PartialEq)]
pub struct PcaParams {
    pub(crate) components: Components,
    pub(crate) whiten: bool,
}

impl PcaParams {
    /// Keeps these components.
    pub fn new(components: Components) -> Self {
        Self {
            components,
            whiten: false,
        }
    }

    /// Whether projections are divided by their standard deviations; not by default.
    pub fn whiten(mut self, whiten: bool) -> Self {
        self.whiten = whiten;
        self
    }

    /// Checks every range that does not depend on the rows.
    ///
    /// # Errors
    /// Names the parameter, its range and the value found.
    pub fn check(self) -> Result<ValidPca, PcaError> {
        let (expected, found) = match self.components {
            Components::Count(0) => ("at least 1", "0".to_string()),
            Components::Variance(v) if !(v > 0.0 && v < 1.0) => {
                ("above 0 and below 1", v.to_string())
            }
            _ => return Ok(ValidPca(self)),
        };
        Err(PcaError::Parameter {
            name: "components",
            expected: expected.into(),
            found,
        })
    }
}

/// Checked parameters: what [`ValidPca::fit`] needs.
#[derive(Debug, Clone)]
pub struct ValidPca(pub(crate) PcaParams);
