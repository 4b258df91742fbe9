//! The result of one seed on one split.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metric::{ClassScore, ConfusionMatrix, Evaluation, Reliability};

/// What one seed gave on one split.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedResult {
    /// The seed, one of the record's.
    pub seed: u64,
    /// SHA-256 of the split file; with the seed, what pairs this result with another method's.
    pub split_hash: Option<String>,
    /// Training samples.
    pub n_train: Option<u64>,
    /// Test samples.
    pub n_test: Option<u64>,
    /// Metric by name; `null` where undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Per-class table.
    pub per_class: Option<Vec<ClassScore>>,
    /// Confusion matrix.
    pub confusion: Option<ConfusionMatrix>,
    /// Reliability diagram.
    pub reliability: Option<Reliability>,
    /// Training curve, in order of epochs; empty for a method that does not train.
    pub curve: Vec<CurvePoint>,
    /// File with the predictions, relative to the record.
    pub predictions: Option<String>,
    /// Wall time in seconds.
    pub seconds: Option<f64>,
    /// Wall time of one epoch in seconds.
    pub seconds_per_epoch: Option<f64>,
}

/// One point of a training curve.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Epochs finished; 0 is before training.
    pub epoch: f64,
    /// Mean training loss of the epoch.
    pub train_loss: Option<f64>,
    /// Loss on the validation split.
    pub val_loss: Option<f64>,
    /// The model selection metric on the validation split.
    pub val_metric: Option<f64>,
    /// Learning rate (of the first parameter group) at the end of the epoch.
    pub learning_rate: Option<f64>,
}

impl SeedResult {
    /// The result of `seed`, filled from an evaluation. Values that are not finite become `null`.
    pub fn from_evaluation(seed: u64, split_hash: Option<String>, evaluation: Evaluation) -> Self {
        let mut result = Self {
            seed,
            split_hash,
            n_test: Some(evaluation.confusion.total()),
            per_class: Some(evaluation.per_class),
            confusion: Some(evaluation.confusion),
            reliability: evaluation.reliability,
            ..Self::default()
        };
        for (name, value) in evaluation.metrics {
            result.set_metric(&name, value);
        }
        result
    }

    /// The metric `name`; `None` when it is absent or `null`.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied().flatten()
    }

    /// Sets the metric `name`; a value that is not finite becomes `null`.
    pub fn set_metric(&mut self, name: &str, value: Option<f64>) {
        self.metrics
            .insert(name.into(), value.filter(|value| value.is_finite()));
    }
}
