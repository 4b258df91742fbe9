//! Parameters of HDBSCAN, unchecked and checked.

use super::errors::HdbscanError;

/// Which nodes of the tree of clusters become clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Selection {
    /// The set of disjoint nodes whose stabilities have the largest sum ("excess of mass").
    #[default]
    ExcessOfMass,
    /// The leaves: more and smaller clusters.
    Leaves,
}

/// Parameters as a user writes them; [`HdbscanParams::check`] makes them usable. Defaults are those of scikit-learn.
#[derive(Debug, Clone, PartialEq)]
pub struct HdbscanParams {
    pub(crate) min_cluster_size: usize,
    pub(crate) min_samples: Option<usize>,
    pub(crate) selection: Selection,
    pub(crate) allow_single_cluster: bool,
}

impl Default for HdbscanParams {
    fn default() -> Self {
        Self {
            min_cluster_size: 5,
            min_samples: None,
            selection: Selection::default(),
            allow_single_cluster: false,
        }
    }
}

impl HdbscanParams {
    /// The fewest rows of a cluster, at least 2; 5 by default.
    pub fn min_cluster_size(mut self, rows: usize) -> Self {
        self.min_cluster_size = rows;
        self
    }

    /// The density at a row is that of the ball which holds this many rows, itself among them; at least 1. By default as
    /// `min_cluster_size`.
    pub fn min_samples(mut self, rows: usize) -> Self {
        self.min_samples = Some(rows);
        self
    }

    /// Which nodes become clusters.
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Whether all rows together may be one cluster; not by default.
    pub fn allow_single_cluster(mut self, allow: bool) -> Self {
        self.allow_single_cluster = allow;
        self
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the parameter, its range and the value found.
    pub fn check(self) -> Result<ValidHdbscan, HdbscanError> {
        for (name, expected, least, found) in [
            ("min_cluster_size", "at least 2", 2, self.min_cluster_size),
            (
                "min_samples",
                "at least 1",
                1,
                self.min_samples.unwrap_or(1),
            ),
        ] {
            if found < least {
                return Err(HdbscanError::Parameter {
                    name,
                    expected,
                    found: found.to_string(),
                });
            }
        }
        Ok(ValidHdbscan(self))
    }
}

/// Checked parameters: what [`ValidHdbscan::fit`] needs.
#[derive(Debug, Clone)]
pub struct ValidHdbscan(pub(crate) HdbscanParams);
