//! The probe of a long-tailed recipe: treat the tail's rows, fit, choose the regularisation on the validation part.

use std::collections::BTreeMap;

use eval::metric::{AbsentClasses, ConfusionMatrix, names};
use heads::{
    ClassWeights, Experts, FeatureTable, ImbalanceLossConfig, LogisticConfig, LogisticProbe,
    ResidualBranches, Standardiser,
};

use super::centres::distances;
use super::rows::{Labelled, treat};
use crate::experiment::{Balance, LongTailProbe, Prior};
use crate::run::RunError;

/// The parts of one seed: standardised features with labels.
#[derive(Clone)]
pub(super) struct Parts {
    /// The long-tailed training part.
    pub(super) train: Labelled,
    /// Held-out images that nothing is tested on.
    pub(super) validation: Labelled,
    /// What the row is tested on.
    pub(super) test: Labelled,
    /// Class names.
    pub(super) classes: Vec<String>,
    /// Class indices of the head.
    pub(super) head: Vec<usize>,
    /// Class indices of the tail.
    pub(super) tail: Vec<usize>,
}

/// A fitted probe, and what else the record tells.
pub(super) struct Fitted {
    /// Over features that are already standardised.
    pub(super) probe: LogisticProbe,
    /// Those that were aggregated into it, where the recipe has experts.
    pub(super) experts: Option<Experts>,
    /// Rows that it was fitted on.
    pub(super) rows: usize,
    /// Metrics beside those of the test part.
    pub(super) extra: BTreeMap<String, Option<f64>>,
}

/// Fits the recipe. `drawn` are the rows per class of the training part as it was drawn.
pub(super) fn fit(
    recipe: &LongTailProbe,
    parts: &Parts,
    drawn: &[usize],
    seed: u64,
) -> Result<Fitted, RunError> {
    let classes = parts.classes.len();
    let treated = treat(&recipe.tail_rows, &parts.train, classes, &parts.tail, seed)?;
    let rows = &treated.rows;
    let validation = parts.validation.table()?;
    // What is chosen among: the penalty, or where there is none the scale of cosines.
    let (name, strengths) = match &recipe.balance {
        Balance::Ldam { scales, .. } => (names::SCALE, scales),
        _ => (names::L2, &recipe.l2),
    };
    let mut best: Option<(f64, f64, LogisticProbe, Option<Experts>)> = None;
    for &strength in strengths {
        let (probe, experts) = one(&recipe.balance, strength, parts, rows, drawn)?;
        // One strength alone needs no judge.
        let score = if strengths.len() > 1 {
            let predicted = probe.predict(&validation)?;
            let labels = &parts.validation.labels;
            ConfusionMatrix::from_labels(&parts.classes, labels, &predicted)?
                .macro_f1(AbsentClasses::CountAsZero)
                .unwrap_or(0.0)
        } else {
            0.0
        };
        if best.as_ref().is_none_or(|(known, ..)| score > *known) {
            best = Some((score, strength, probe, experts));
        }
    }
    let Some((_, strength, probe, experts)) = best else {
        return Err(RunError::Head(heads::HeadError::Setting {
            name: "l2",
            value: "[]".into(),
            allowed: "at least one strength".into(),
        }));
    };
    let mut extra = BTreeMap::from([(name.to_owned(), Some(strength))]);
    if let Some(centres) = &treated.centres {
        extra.extend(distances(centres, parts)?);
    }
    Ok(Fitted {
        rows: rows.labels.len(),
        probe,
        experts,
        extra,
    })
}

/// The probe of one strength of regularisation.
fn one(
    balance: &Balance,
    strength: f64,
    parts: &Parts,
    rows: &Labelled,
    drawn: &[usize],
) -> Result<(LogisticProbe, Option<Experts>), RunError> {
    let classes = parts.classes.len();
    let fitted = rows.counts(classes);
    let mut config = LogisticConfig {
        l2: strength,
        standardise: false,
        ..LogisticConfig::default()
    };
    match balance {
        Balance::Balanced => config.class_weights = ClassWeights::Balanced,
        Balance::Effective { beta } => {
            config.class_weights = ClassWeights::Effective { beta: *beta };
        }
        Balance::Focal { gamma } => {
            config.loss = Some(ImbalanceLossConfig::Focal { gamma: *gamma });
        }
        Balance::Ldam {
            max_margin,
            deferred_beta,
            ..
        } => {
            config.loss = Some(ImbalanceLossConfig::Ldam {
                max_margin: *max_margin,
                scale: strength,
            });
            if let Some(beta) = *deferred_beta {
                config.deferred_weights = ClassWeights::Effective { beta };
            }
        }
        Balance::ResLt { beta } => {
            let group = |class| {
                if parts.head.contains(&class) {
                    0
                } else if parts.tail.contains(&class) {
                    2
                } else {
                    1
                }
            };
            let branches = ResidualBranches {
                beta: *beta,
                groups: (0..classes).map(group).collect(),
            };
            let probe = branches.fit(&config, &rows.table()?, &rows.labels, classes)?;
            return Ok((probe, None));
        }
        Balance::None
        | Balance::LogitAdjustment { .. }
        | Balance::TauNormalisation { .. }
        | Balance::Sade { .. } => {}
    }
    let probe = LogisticProbe::fit(&config, &rows.table()?, &rows.labels, classes)?;
    Ok(match balance {
        Balance::LogitAdjustment { tau, prior } => {
            let counts = match prior {
                Prior::Fitted => &fitted,
                Prior::Drawn => drawn,
            };
            (probe.logit_adjusted(counts, *tau)?, None)
        }
        Balance::TauNormalisation { tau } => (probe.tau_normalised(*tau)?, None),
        Balance::Sade { lambda, .. } => {
            let experts = Experts::of(&probe, &fitted, *lambda)?;
            let equal = vec![0.0; experts.probes.len()];
            (experts.aggregate(&equal)?, Some(experts))
        }
        _ => (probe, None),
    })
}

impl Labelled {
    /// The features as a checked table.
    pub(super) fn table(&self) -> Result<FeatureTable<'_>, RunError> {
        Ok(FeatureTable::new(&self.values, self.dim)?)
    }

    /// The same rows, standardised.
    pub(super) fn standardised(&self, statistics: &Standardiser) -> Result<Self, RunError> {
        Ok(Self {
            values: statistics.apply(&self.table()?)?,
            labels: self.labels.clone(),
            dim: self.dim,
        })
    }
}
