//! What can go wrong in a training run.

use std::path::PathBuf;

/// An error of the caller's own code: a batch that cannot be loaded, a loss that cannot be formed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a training run, a checkpoint or a feature cache failed.
///
/// Messages are fragments that fit behind "failed to train: ".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is outside its range.
    #[error("{name} = {value} is not allowed; it must be {allowed}")]
    Setting {
        /// The setting.
        name: String,
        /// What it was set to.
        value: String,
        /// The allowed range.
        allowed: String,
    },
    /// A trainable parameter that no group claims.
    #[error(
        "parameter {path} belongs to no group (groups: {groups}); add a pattern for it or freeze it"
    )]
    Ungrouped {
        /// Name of the parameter.
        path: String,
        /// Names of the groups.
        groups: String,
    },
    /// A trainable parameter that two groups claim.
    #[error(
        "parameter {path} belongs to both groups {first} and {second}; make their patterns disjoint"
    )]
    Overlap {
        /// Name of the parameter.
        path: String,
        /// The first group.
        first: String,
        /// The second group.
        second: String,
    },
    /// A pattern without any match.
    #[error(
        "pattern {pattern} of group {group} matches no trainable parameter; nearest names: {nearest}"
    )]
    NoMatch {
        /// The group.
        group: String,
        /// The pattern.
        pattern: String,
        /// The nearest parameter names.
        nearest: String,
    },
    /// Nothing to train.
    #[error("the module has no trainable parameter; un-freeze some, or skip training")]
    NothingToTrain,
    /// One parameter is held in two places of the module.
    #[error(
        "{first} and {second} share one parameter id; clone the values into a new parameter instead of cloning the module"
    )]
    SharedParameter {
        /// The first place.
        first: String,
        /// The second place.
        second: String,
    },
    /// The loss of a batch is NaN or infinite.
    #[error(
        "the loss is {value} at step {step} (epoch {epoch}, batch {batch}); lower the learning rate, clip gradients, or look at that batch"
    )]
    NonFiniteLoss {
        /// Optimiser step, from 0.
        step: usize,
        /// Epoch, from 0.
        epoch: usize,
        /// Batch within the epoch, from 0.
        batch: usize,
        /// The loss.
        value: f64,
    },
    /// The gradient of a step is NaN or infinite although the loss is finite.
    #[error(
        "the gradient norm is {value} at step {step} (epoch {epoch}); look for a square root or division at zero, or lower the learning rate"
    )]
    NonFiniteGradient {
        /// Optimiser step, from 0.
        step: usize,
        /// Epoch, from 0.
        epoch: usize,
        /// The norm.
        value: f64,
    },
    /// A loss without connection to what is trained.
    #[error(
        "the loss of step {step} depends on no trainable parameter; check that the objective uses the model it is given"
    )]
    NoGradient {
        /// Optimiser step, from 0.
        step: usize,
    },
    /// A loss whose weight cannot enter a mean.
    #[error("the batch weight is {weight} at step {step}; it must be finite and 0 or above")]
    BatchWeight {
        /// Optimiser step, from 0.
        step: usize,
        /// The weight.
        weight: f64,
    },
    /// The caller's source, loss or validation failed.
    #[error("{what} failed at epoch {epoch}, batch {batch}: {source}")]
    Caller {
        /// What failed.
        what: &'static str,
        /// Epoch, from 0.
        epoch: usize,
        /// Batch within the epoch, from 0.
        batch: usize,
        /// The caller's error.
        source: BoxError,
    },
    /// A source that yields another number of batches than it announced.
    #[error(
        "epoch {epoch} gave {found} batches, but the source announced {expected}; the schedule needs the exact number"
    )]
    BatchCount {
        /// Epoch, from 0.
        epoch: usize,
        /// Announced.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// A validation score that cannot be compared.
    #[error(
        "the validation score is {score} after epoch {epoch}; a score must be finite, higher is better"
    )]
    NonFiniteScore {
        /// Epoch, from 0.
        epoch: usize,
        /// The score.
        score: f64,
    },
    /// The caller asked the run to stop; a checkpoint was written if a policy was given.
    #[error(
        "interrupted after step {step}; run again with the same checkpoint directory to continue"
    )]
    Interrupted {
        /// Optimiser steps taken.
        step: usize,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}; check the path, its permissions and the free space", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A checkpoint or cache file that does not hold what it claims.
    #[error("{} is corrupt: {what}; delete it and run again", path.display())]
    Corrupt {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A checkpoint of another run.
    #[error("{} belongs to another run: {what}; give this run its own directory, or delete that one", path.display())]
    Foreign {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// Features that do not have the announced shape.
    #[error(
        "features have {what} {found}, expected {expected}; check the extractor and the batch source"
    )]
    FeatureShape {
        /// Rows, dimension or bytes.
        what: &'static str,
        /// Expected.
        expected: usize,
        /// Found.
        found: usize,
    },
    /// A feature that is NaN or infinite.
    #[error(
        "feature {column} of row {row} is not finite; check the input normalisation and the weights"
    )]
    NonFiniteFeature {
        /// Row, from 0.
        row: usize,
        /// Feature, from 0.
        column: usize,
    },
}

impl TrainError {
    /// Wraps an error of the operating system.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// A setting outside its range.
    pub(crate) fn setting(
        name: impl Into<String>,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Setting {
            name: name.into(),
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }
}
