//! What can go wrong in k-means, in any of its three forms.

use crate::error::InputError;

/// Messages fit behind "failed to cluster: ".
#[derive(Debug, thiserror::Error)]
pub enum KMeansError {
    /// The rows or weights cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A parameter is outside its range.
    #[error("{name} must be {expected}, found {found}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value found.
        found: String,
    },
    /// There are fewer rows than clusters.
    #[error(
        "{rows} rows cannot fill {clusters} clusters; ask for at most {rows} clusters{}",
        if *weighted { " (rows of weight 0 do not count)" } else { "" }
    )]
    FewerRows {
        /// Rows with a weight above 0.
        rows: usize,
        /// Clusters asked for.
        clusters: usize,
        /// Whether sample weights were given.
        weighted: bool,
    },
    /// So many rows are equal that the clusters cannot all differ.
    #[error(
        "the rows have at most {distinct} different values, so {clusters} clusters cannot all differ; \
         ask for at most {distinct}, or check whether the features are constant"
    )]
    FewerDistinctRows {
        /// Different rows found.
        distinct: usize,
        /// Clusters asked for.
        clusters: usize,
    },
    /// The given centres have another shape.
    #[error("the given centres have {found} values, expected {clusters} centres of {dim} features")]
    Start {
        /// Clusters asked for.
        clusters: usize,
        /// Features per row.
        dim: usize,
        /// Values given.
        found: usize,
    },
    /// A given centre is not finite.
    #[error("feature {column} of the given centre {centre} is NaN or infinite")]
    StartNonFinite {
        /// Centre, from 0.
        centre: usize,
        /// Feature, from 0.
        column: usize,
    },
    /// The bounds on the sizes cannot be met.
    #[error(
        "{clusters} clusters of at least {min_size} rows need {} rows, there are {rows}; \
         ask for fewer or smaller clusters (a larger rho)",
        *clusters as u128 * *min_size as u128
    )]
    Infeasible {
        /// Rows there are.
        rows: usize,
        /// Clusters asked for.
        clusters: usize,
        /// Smallest size asked for.
        min_size: usize,
    },
}
