//! What can go wrong in a head, a loss or a probe.

/// An input or configuration that a head, a loss or a probe cannot use.
///
/// Messages are fragments that fit behind "failed to fit the head: ".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HeadError {
    /// An array does not have the length its shape asks for.
    #[error(
        "{what} has {found} values, expected {expected}; check that rows, dimension and classes agree"
    )]
    Length {
        /// The array.
        what: &'static str,
        /// The number of values its shape asks for.
        expected: usize,
        /// The number of values it has.
        found: usize,
    },
    /// The feature dimension differs from the one that was fitted.
    #[error(
        "features have dimension {found}, but the fitted {what} expects {expected}; use the same block, pooling and backbone"
    )]
    Dimension {
        /// What was fitted.
        what: &'static str,
        /// The fitted dimension.
        expected: usize,
        /// The dimension of the input.
        found: usize,
    },
    /// There is nothing to fit.
    #[error("{what} is empty; give at least one row with at least one feature")]
    Empty {
        /// The input.
        what: &'static str,
    },
    /// A feature is NaN or infinite.
    #[error(
        "feature {column} of row {row} is {value}; mask or drop the row, or check the normalisation before the backbone"
    )]
    NonFinite {
        /// Row, from 0.
        row: usize,
        /// Feature, from 0.
        column: usize,
        /// The offending value.
        value: f32,
    },
    /// A label lies outside the class list.
    #[error("label {label} of row {row} is outside the {classes} classes (0 to {}); fix the label or extend the class list", classes.saturating_sub(1))]
    Label {
        /// Row, from 0.
        row: usize,
        /// The label found.
        label: i64,
        /// The number of classes.
        classes: usize,
    },
    /// A class has no example.
    #[error(
        "class {class} has no training example; drop it from the class list, draw a larger subset, or give explicit class weights"
    )]
    EmptyClass {
        /// The class index.
        class: usize,
    },
    /// A setting is outside its range.
    #[error("{name} = {value} is not allowed; it must be {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// The allowed range.
        allowed: String,
    },
    /// An array of a stored head does not fit.
    #[error("array `{name}` is {problem}; use a file that was written for the same head")]
    Array {
        /// Its name.
        name: String,
        /// What does not fit.
        problem: String,
    },
    /// A model gave something that is no detection.
    #[error(
        "the {what} of a location in image {image} is not finite; the model has diverged: lower the learning rate or clip gradients"
    )]
    Output {
        /// Index in the batch.
        image: usize,
        /// What is not finite.
        what: &'static str,
    },
    /// Geometry of boxes.
    #[error(transparent)]
    Boxes(#[from] oriented_boxes::BoxError),
}
