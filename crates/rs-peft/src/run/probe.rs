//! Judging frozen features by a probe that is fitted on the host.

use eval::metric::Probabilities;
use heads::{FeatureTable, KnnConfig, KnnProbe, LogisticConfig, LogisticProbe};

use super::RunError;
use crate::experiment::{ExperimentError, ProbeConfig};

/// Class probabilities, predictions, and the number of parameters fitted.
type Judged = (Option<Probabilities>, Vec<usize>, Option<usize>);

/// Fits a probe on training features and judges others by it.
pub(super) fn judge_by_probe(
    probe: &ProbeConfig,
    table: &FeatureTable<'_>,
    labels: &[usize],
    queries: &FeatureTable<'_>,
    classes: usize,
) -> Result<Judged, RunError> {
    match *probe {
        ProbeConfig::Logistic { l2 } => {
            let config = LogisticConfig {
                l2,
                ..LogisticConfig::default()
            };
            let fitted = LogisticProbe::fit(&config, table, labels, classes)?;
            let values: Vec<f32> = fitted
                .probabilities(queries)?
                .iter()
                .map(|&p| p as f32)
                .collect();
            let probabilities = Probabilities::from_probabilities(&values, classes)?;
            let predicted = fitted.predict(queries)?;
            Ok((
                Some(probabilities),
                predicted,
                Some(fitted.weight.len() + fitted.bias.len()),
            ))
        }
        ProbeConfig::Knn { k } => {
            let config = KnnConfig {
                k,
                ..KnnConfig::default()
            };
            let found = KnnProbe::fit(&config, table, labels, classes)?.predict(queries)?;
            let probabilities = Probabilities::from_probabilities(&found.scores, classes)?;
            Ok((Some(probabilities), found.labels, Some(0)))
        }
        // Such rows take a way of their own, and no other split has the parts they need.
        ProbeConfig::LongTail(_) => Err(RunError::Experiment(ExperimentError::Value {
            path: "the experiment".into(),
            key: "probe.kind",
            found: "long_tail".into(),
            expected: "logistic or knn, as data.split.kind is not long_tailed",
        })),
    }
}
