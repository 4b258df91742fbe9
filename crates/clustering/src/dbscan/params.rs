//! Parameters of DBSCAN, unchecked and checked.

use super::errors::DbscanError;

/// Parameters as a user writes them; [`DbscanParams::check`] makes them usable.
#[derive(Debug, Clone, PartialEq)]
pub struct DbscanParams {
    pub(crate) eps: f64,
    pub(crate) min_samples: f64,
}

impl DbscanParams {
    /// Rows at a Euclidean distance of at most `eps` are neighbours; `eps` above 0. Five neighbours make a core row, as in
    /// scikit-learn.
    pub fn new(eps: f64) -> Self {
        Self {
            eps,
            min_samples: 5.0,
        }
    }

    /// How many neighbours, itself among them, make a core row; with sample weights, how much weight. Above 0.
    pub fn min_samples(mut self, neighbours: f64) -> Self {
        self.min_samples = neighbours;
        self
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the parameter, its range and the value found.
    pub fn check(self) -> Result<ValidDbscan, DbscanError> {
        for (name, found) in [("eps", self.eps), ("min_samples", self.min_samples)] {
            if !(found.is_finite() && found > 0.0) {
                return Err(DbscanError::Parameter {
                    name,
                    expected: "a finite number above 0",
                    found: found.to_string(),
                });
            }
        }
        Ok(ValidDbscan(self))
    }
}

/// Checked parameters: what [`ValidDbscan::fit`] needs.
#[derive(Debug, Clone)]
pub struct ValidDbscan(pub(crate) DbscanParams);
