//! The probe of a long-tailed recipe: standardise, treat the tail's rows, fit, choose the penalty on the validation part.

use std::collections::BTreeMap;

use eval::metric::{AbsentClasses, ConfusionMatrix, names};
use heads::{ClassWeights, FeatureTable, LogisticConfig, LogisticProbe};

use super::centres::distances;
use super::rows::{Labelled, treat};
use crate::experiment::{Balance, LongTailProbe, Prior};
use crate::run::RunError;

/// The parts of one seed: standardised features with labels.
pub(super) struct Parts {
    /// The long-tailed training part as it was drawn.
    pub(super) train: Labelled,
    /// Held-out images that nothing is tested on.
    pub(super) validation: Labelled,
    /// Class names.
    pub(super) classes: Vec<String>,
    /// Class indices of the tail.
    pub(super) tail: Vec<usize>,
}

/// A fitted probe, and what else the record tells.
pub(super) struct Fitted {
    /// Over features that are already standardised.
    pub(super) probe: LogisticProbe,
    /// Rows that it was fitted on.
    pub(super) rows: usize,
    /// Metrics beside those of the test part.
    pub(super) extra: BTreeMap<String, Option<f64>>,
}

/// Fits the recipe.
pub(super) fn fit(recipe: &LongTailProbe, parts: &Parts, seed: u64) -> Result<Fitted, RunError> {
    let classes = parts.classes.len();
    let treated = treat(&recipe.tail_rows, &parts.train, classes, &parts.tail, seed)?;
    let rows = &treated.rows;
    let drawn = parts.train.counts(classes);
    let fitted = rows.counts(classes);
    let validation = parts.validation.table()?;
    let mut best: Option<(f64, f64, LogisticProbe)> = None;
    for &l2 in &recipe.l2 {
        let config = LogisticConfig {
            l2,
            standardise: false,
            class_weights: match recipe.balance {
                Balance::Balanced => ClassWeights::Balanced,
                Balance::Effective { beta } => ClassWeights::Effective { beta },
                _ => ClassWeights::None,
            },
            ..LogisticConfig::default()
        };
        let probe = LogisticProbe::fit(&config, &rows.table()?, &rows.labels, classes)?;
        let probe = match recipe.balance {
            Balance::LogitAdjustment { tau, prior } => {
                let counts = match prior {
                    Prior::Fitted => &fitted,
                    Prior::Drawn => &drawn,
                };
                probe.logit_adjusted(counts, tau)?
            }
            Balance::TauNormalisation { tau } => probe.tau_normalised(tau)?,
            Balance::None | Balance::Balanced | Balance::Effective { .. } => probe,
        };
        // One strength alone needs no judge.
        let score = if recipe.l2.len() > 1 {
            let predicted = probe.predict(&validation)?;
            let labels = &parts.validation.labels;
            ConfusionMatrix::from_labels(&parts.classes, labels, &predicted)?
                .macro_f1(AbsentClasses::CountAsZero)
                .unwrap_or(0.0)
        } else {
            0.0
        };
        if best.as_ref().is_none_or(|(known, ..)| score > *known) {
            best = Some((score, l2, probe));
        }
    }
    let Some((_, l2, probe)) = best else {
        return Err(RunError::Head(heads::HeadError::Setting {
            name: "l2",
            value: "[]".into(),
            allowed: "at least one strength".into(),
        }));
    };
    let mut extra = BTreeMap::from([(names::L2.to_owned(), Some(l2))]);
    if let Some(centres) = &treated.centres {
        extra.extend(distances(centres, parts)?);
    }
    Ok(Fitted {
        rows: rows.labels.len(),
        probe,
        extra,
    })
}

impl Labelled {
    /// The features as a checked table.
    pub(super) fn table(&self) -> Result<FeatureTable<'_>, RunError> {
        Ok(FeatureTable::new(&self.values, self.dim)?)
    }
}
