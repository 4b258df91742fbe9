//! What a record must satisfy before it is written and after it is read.

use std::collections::HashSet;

use super::{RunRecord, SCHEMA_VERSION};
use crate::EvalError;

impl RunRecord {
    /// Checks that the record does not contradict itself; `name` is how messages call it (its path, or `experiment/row`).
    ///
    /// # Errors
    /// For an empty name, metric list or seed list, a repeated seed, two results of one seed and split, a result of a seed
    /// that was not asked for, a number that is not finite, impossible parameter counts, a per-class table that does not match
    /// its confusion matrix, or an id that is not the hash of the content.
    pub fn validate(&self, name: &str) -> Result<(), EvalError> {
        let problem = |problem: String| EvalError::Record {
            record: name.into(),
            problem,
        };
        if self.schema_version != SCHEMA_VERSION {
            return Err(problem(format!(
                "schema_version must be {SCHEMA_VERSION}, found {}",
                self.schema_version
            )));
        }
        let experiment = &self.experiment;
        for (field, text) in [
            ("name", &experiment.name),
            ("row", &experiment.row),
            ("method", &experiment.method),
        ] {
            if text.trim().is_empty() {
                return Err(problem(format!("experiment.{field} is empty; name it")));
            }
        }
        if experiment.metrics.is_empty() {
            return Err(problem(
                "experiment.metrics is empty; name at least the metric to compare".into(),
            ));
        }
        if experiment
            .paper
            .as_ref()
            .is_some_and(|paper| !paper.value.is_finite())
        {
            return Err(problem(
                "experiment.paper.value is not finite; leave `paper` null".into(),
            ));
        }
        let mut seeds = HashSet::new();
        if self.seeds.is_empty() {
            return Err(problem("seeds is empty; name at least one".into()));
        }
        if let Some(seed) = self.seeds.iter().find(|seed| !seeds.insert(**seed)) {
            return Err(problem(format!("seed {seed} is listed twice")));
        }
        self.validate_parameters().map_err(problem)?;
        let mut pairs = HashSet::new();
        for result in &self.results {
            if !seeds.contains(&result.seed) {
                return Err(problem(format!(
                    "a result of seed {} which is not among the seeds",
                    result.seed
                )));
            }
            if !pairs.insert((result.seed, &result.split_hash)) {
                return Err(problem(format!(
                    "two results of seed {} on the same split",
                    result.seed
                )));
            }
            for (metric, value) in &result.metrics {
                if value.is_some_and(|value| !value.is_finite()) {
                    return Err(problem(format!(
                        "metric `{metric}` of seed {} is not finite; set it with `set_metric`, which stores null",
                        result.seed
                    )));
                }
            }
            if let (Some(scores), Some(matrix)) = (&result.per_class, &result.confusion)
                && !scores.iter().map(|score| &score.class).eq(matrix.classes())
            {
                return Err(problem(format!(
                    "the per-class table and the confusion matrix of seed {} list different classes",
                    result.seed
                )));
            }
            let points = result.curve.iter().flat_map(|p| {
                [
                    Some(p.epoch),
                    p.train_loss,
                    p.val_loss,
                    p.val_metric,
                    p.learning_rate,
                ]
            });
            if points.flatten().any(|value| !value.is_finite()) {
                return Err(problem(format!(
                    "the curve of seed {} holds a number that is not finite; store null for a diverged loss",
                    result.seed
                )));
            }
        }
        let computed = self.computed_id();
        if self.id != computed {
            return Err(EvalError::Id {
                record: name.into(),
                stored: self.id.clone(),
                computed,
            });
        }
        Ok(())
    }

    fn validate_parameters(&self) -> Result<(), String> {
        let p = &self.parameters;
        let ordered = |a: Option<u64>, b: Option<u64>| a.zip(b).is_none_or(|(a, b)| a <= b);
        if !ordered(p.head, p.trainable)
            || !ordered(p.trainable, p.total)
            || !ordered(p.backbone, p.total)
        {
            return Err(format!(
                "parameter counts must satisfy head <= trainable <= total and backbone <= total, found {p:?}"
            ));
        }
        Ok(())
    }
}
