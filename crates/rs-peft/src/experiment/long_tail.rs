//! Long-tailed recipes over frozen features: the division of the images, what joins the rows of the tail classes, and how the
//! probe treats class sizes.

use serde::{Deserialize, Serialize};

/// Which images a long-tailed row trains, tests and measures distances on.
///
/// A fixed stratified hold-out is divided by the run's seed into a balanced test part and a validation part; of the other images the
/// seed draws a long-tailed training part, the order of the classes from head to tail included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongTailSplit {
    /// Share held out, 0 to 1.
    pub held_out: f64,
    /// Seed of the hold-out.
    pub split_seed: u64,
    /// Test images per class; the rest of the hold-out is the validation part.
    pub test_per_class: usize,
    /// Training images of the largest class.
    pub n_max: usize,
    /// Largest class over smallest, at least 1.
    pub imbalance: f64,
    /// Data set (path below the data directory) whose ids are left out altogether.
    #[serde(default)]
    pub reserve: Option<String>,
    /// How many of the largest classes are the head.
    pub head: usize,
    /// How many of the smallest classes are the tail.
    pub tail: usize,
}

/// A linear probe of frozen features of a long-tailed training part.
///
/// Features are standardised with statistics of the training part as it was drawn; rows are added and centres found in that space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongTailProbe {
    /// Strengths of the squared penalty. Of several, that of the best macro F1 on the validation part.
    pub l2: Vec<f64>,
    /// How class sizes enter the fit or the decision.
    #[serde(default)]
    pub balance: Balance,
    /// What is done to the rows of the tail classes before the fit.
    #[serde(default)]
    pub tail_rows: TailRows,
}

/// How class sizes enter the fit or the decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Balance {
    /// Not at all.
    #[default]
    None,
    /// Every class has the same total weight in the loss. On frozen features this is also what cRT's second stage
    /// aims at, re-fitting the classifier with class-balanced sampling, in expectation.
    Balanced,
    /// Weights by the effective number of samples (Cui et al. 2019).
    Effective {
        /// 0 to below 1.
        beta: f64,
    },
    /// Logits without `tau` times the log prior (Menon et al. 2021).
    LogitAdjustment {
        /// Strength; 1 is the Bayes rule for balanced classes.
        tau: f64,
        /// Which counts make the prior where rows were added.
        #[serde(default)]
        prior: Prior,
    },
    /// Weights divided by their norm to the power `tau` (Kang et al. 2020).
    TauNormalisation {
        /// 0 leaves the directions' lengths, 1 makes them equal.
        tau: f64,
    },
}

/// Which counts make the prior of logit adjustment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prior {
    /// Those of the rows that the probe is fitted on.
    #[default]
    Fitted,
    /// Those of the training part as it was drawn: a slightly stronger correction.
    Drawn,
}

/// What is done to the rows of the tail classes before the fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TailRows {
    /// Nothing.
    #[default]
    Drawn,
    /// Every row that a calibration would move is added again as it is: the control for what adds rows.
    Duplicate {
        /// Copies added of each.
        copies: usize,
    },
    /// Rows are added on the segments between rows of a class and their nearest neighbours in it (SMOTE, Chawla et al. 2002).
    Interpolate {
        /// Rows added per row.
        copies: usize,
        /// Neighbours among which the other end is drawn.
        neighbours: usize,
    },
    /// Rows moved towards the de-biased centre of their class (debLoRA's calibration) are added, or take the rows' place.
    Calibrated(CalibratedRows),
}

/// Calibrated rows: `z~ = alpha z + (1 - alpha) mu_hat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibratedRows {
    /// Clusters of k-means over all training rows.
    pub clusters: usize,
    /// Balance factor rho: every cluster holds at least N / (K rho) rows. Without it plain k-means.
    #[serde(default)]
    pub rho: Option<f64>,
    /// Weight rows inversely to the size of their class in k-means, so that tail classes have centres of their own.
    #[serde(default)]
    pub class_weighted: bool,
    /// Numerator of `alpha = min(1, numerator / ir)`, where `ir` is the largest class over the class; 10 in the paper.
    #[serde(default = "ten")]
    pub numerator: f64,
    /// The least alpha, 0 to 1. With a numerator near 0 it is the alpha of every tail class.
    #[serde(default)]
    pub floor: f64,
    /// Whether calibrated rows join or replace the rows.
    pub mode: CalibrationMode,
    /// Calibrated rows per row, in mode `append`.
    #[serde(default = "one")]
    pub copies: usize,
    /// Draw alpha anew for every calibrated row, between the class's and 1.
    #[serde(default)]
    pub vary: bool,
}

/// Whether calibrated rows join or replace the rows they were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMode {
    /// They are added.
    Append,
    /// They take the rows' place.
    Replace,
}

fn ten() -> f64 {
    10.0
}

fn one() -> usize {
    1
}
