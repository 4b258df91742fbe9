//! Long-tailed recipes over frozen features: the division of the images, what joins the rows of the tail classes, and how the
//! probe treats class sizes.

use peft_lora::MethodConfig;
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

/// A data set that is long-tailed by itself: nothing is left out of its training part.
///
/// Without `test` the published parts are used: `train`, and `test` or else `val` as the test part, as the released code of debLoRA
/// does; the published `val`, where there is a `test` too, is the validation part. Whatever part is lacking, the run's seed draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NaturalLongTail {
    /// Share of all images in a test part that the run's seed draws, 0 to 1; absent: the published one.
    #[serde(default)]
    pub test: Option<f64>,
    /// Share in a validation part that the seed draws, where none is published, 0 to 1: of all images beside a drawn test part,
    /// otherwise of the published training part.
    pub validation: f64,
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
    /// A map of the features that is trained to move the tail, before all of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedMap>,
    /// Also measure cosine distances between and within classes, and the bias of the feature space, on the features that
    /// the probe sees.
    #[serde(default, skip_serializing_if = "is_false")]
    pub analyses: bool,
    /// Draw the features of the first seed in two dimensions, with centres, as an SVG beside the results.
    #[serde(default, skip_serializing_if = "is_false")]
    pub picture: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl LongTailProbe {
    /// What is wrong with the recipe, if anything: key, value, what is expected.
    pub(super) fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        if self.l2.is_empty() {
            return Some(("probe.l2", "[]".into(), "at least one strength"));
        }
        if let Balance::Ldam { scales, .. } = &self.balance
            && scales.is_empty()
        {
            return Some(("probe.balance.scales", "[]".into(), "at least one scale"));
        }
        let learned = self.learned.as_ref()?;
        if let Balance::Sade {
            test_time: true, ..
        } = self.balance
        {
            return Some((
                "probe.balance.test_time",
                "true".into(),
                "false beside probe.learned, as a second view is made of unmapped features only",
            ));
        }
        if let MapPlace::Encoder { lora } = &learned.place
            && !matches!(lora, MethodConfig::Lora(_) | MethodConfig::Dora(_))
        {
            let found = lora.name().into();
            return Some(("probe.learned.place.lora", found, "method = lora or dora"));
        }
        if learned.steps == 0 || learned.steps > 1_000_000 {
            return Some((
                "probe.learned.steps",
                learned.steps.to_string(),
                "1 to 1000000",
            ));
        }
        if learned.batch_size == 0 || learned.batch_size > 65_536 {
            let found = learned.batch_size.to_string();
            return Some(("probe.learned.batch_size", found, "1 to 65536"));
        }
        for (key, value) in [
            ("probe.learned.keep", learned.keep),
            ("probe.learned.learning_rate", learned.learning_rate),
            ("probe.learned.weight_decay", learned.weight_decay),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Some((key, value.to_string(), "a finite number, 0 or more"));
            }
        }
        None
    }
}

/// How class sizes enter the fit or the decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Focal loss (Lin et al. 2017).
    Focal {
        /// 0 is cross-entropy; 2 in the paper.
        gamma: f64,
    },
    /// A cosine classifier with label-distribution-aware margins (LDAM, Cao et al. 2019). Its regularisation is the scale, chosen
    /// as `l2` is otherwise.
    Ldam {
        /// Margin of the rarest class; 0.5 in the published code.
        max_margin: f64,
        /// Scales of the cosines to choose from; 30 in the published code.
        scales: Vec<f64>,
        /// Deferred re-weighting (DRW) by the effective number of samples with this beta, 0.9999 in the published code; absent:
        /// no weights.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deferred_beta: Option<f64>,
    },
    /// ResLT: linear branches for all classes, for middle and tail, for the tail, added up (Cui et al. 2022).
    ResLt {
        /// Share of the branches' own losses, above 0 and below 1.
        beta: f64,
    },
    /// SADE: experts for the training distribution, for equal classes and for the reversed distribution (Zhang et al. 2022).
    Sade {
        /// Strength of the third expert's prior; 2 in the published code.
        lambda: f64,
        /// Weigh the experts by their agreement on two views of the test images (without labels) instead of equally.
        test_time: bool,
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
    #[serde(default = "thirty_two")]
    pub clusters: usize,
    /// Cluster by density instead; rows of noise go to the nearest cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbscan: Option<DbscanRows>,
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

/// DBSCAN over all training rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DbscanRows {
    /// Radius of a neighbourhood, in standardised features.
    pub eps: f64,
    /// Rows in the neighbourhood of a core row, itself included.
    pub min_samples: f64,
}

/// A map that is trained on `1/|D_t| sum ||g(f(x)) - z~||` over the tail's training images (debLoRA's fourth step), and what becomes of it.
///
/// The targets `z~` are those of [`CalibratedRows`]; features are standardised with statistics of the training part before the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedMap {
    /// What is trained.
    pub place: MapPlace,
    /// How the targets are made; its `mode`, `copies` and `vary` do not matter here.
    pub targets: CalibratedRows,
    /// What is seen through the map.
    #[serde(default)]
    pub apply: Apply,
    /// Square the distances; the paper prints the norm.
    #[serde(default)]
    pub squared: bool,
    /// Weight of a second term that holds the features of the other classes where they are; 0 as printed.
    #[serde(default)]
    pub keep: f64,
    /// Optimiser steps.
    pub steps: usize,
    /// Tail rows per step, and as many others where `keep` is above 0.
    pub batch_size: usize,
    /// Peak learning rate (AdamW, cosine with 10 % warm-up).
    pub learning_rate: f64,
    /// Decoupled weight decay.
    #[serde(default)]
    pub weight_decay: f64,
}

/// Where the learned map acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MapPlace {
    /// Inside the encoder: `lora` or `dora` with its own keys, rsLoRA and LoRA+ among them. Blocks before the first adapted one are run
    /// once.
    Encoder {
        /// The method and its keys.
        lora: MethodConfig,
    },
    /// On the encoder's output: a low-rank residual.
    Output {
        /// Rank of the residual.
        rank: usize,
        /// Numerator of the factor `alpha / rank`.
        alpha: f64,
        /// One residual per tail class (class-wise LoRA), weighed by the probability of the class under a logit-adjusted probe of the
        /// unmapped features, in training and test alike; a row that is surely of another class stays where it is.
        #[serde(default)]
        per_class: bool,
    },
}

/// What is seen through a learned map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// Every row of training, validation and test, as printed; features are standardised anew behind the map.
    #[default]
    All,
    /// The tail's training rows, which join the rows as they were; nothing else.
    AppendTail,
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

fn thirty_two() -> usize {
    32
}

fn ten() -> f64 {
    10.0
}

fn one() -> usize {
    1
}
