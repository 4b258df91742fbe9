//! What can go wrong in the calibration and its analyses.

/// Messages fit behind "failed to calibrate: ".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibError {
    /// There is no row, or rows have no feature.
    #[error("{what} is empty; give at least one row with one feature")]
    Empty {
        /// Which input.
        what: &'static str,
    },
    /// An array does not have the length that its shape asks for.
    #[error("{what} has {found} values, expected {expected}")]
    Length {
        /// Which array.
        what: &'static str,
        /// What would have fitted.
        expected: String,
        /// What was there.
        found: usize,
    },
    /// A number is NaN or infinite.
    #[error(
        "{what}: feature {column} of row {row} is {value}; mask or drop the row before calibrating"
    )]
    NonFinite {
        /// Which table.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// Feature, from 0.
        column: usize,
        /// The offending value.
        value: f64,
    },
    /// A label lies outside its list.
    #[error(
        "{what} {label} of row {row} is outside the list of {count}; fix the label or extend the list"
    )]
    Label {
        /// `class` or `cluster`.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// The label found.
        label: usize,
        /// How many there are.
        count: usize,
    },
    /// An option is outside its range.
    #[error("{name} must be {expected}, found {found}")]
    Value {
        /// Which option.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value found.
        found: String,
    },
    /// A class has no rows where it needs some.
    #[error(
        "class {class} has no rows in {what}; leave it out of the list, or give it at least one"
    )]
    EmptyClass {
        /// The class.
        class: usize,
        /// Where.
        what: &'static str,
    },
    /// Every row of a class is noise, so no cluster says anything about it.
    #[error(
        "all {rows} rows of class {class} are noise; let noise rows stand for themselves, give them to the nearest cluster, \
         or cluster with a larger eps"
    )]
    AllNoise {
        /// The class.
        class: usize,
        /// Its rows.
        rows: usize,
    },
    /// A cluster has no rows, so its centre is unknown.
    #[error("cluster {cluster} has no rows; number clusters without gaps")]
    EmptyCluster {
        /// The cluster.
        cluster: usize,
    },
    /// A vector of length 0 has no direction.
    #[error(
        "{what} {index} is the zero vector, whose cosine distance is not defined; drop it, or do not centre the features"
    )]
    NoDirection {
        /// `row` or `the centre of class`.
        what: &'static str,
        /// Which one.
        index: usize,
    },
    /// Rows without spread have no volume.
    #[error(
        "the {group} rows are all equal, or only one; a volume needs at least two different rows"
    )]
    NoSpread {
        /// `head` or `tail`.
        group: &'static str,
    },
}
