//! What is done to the rows of the tail classes before the probe is fitted: copies, interpolations, calibrated rows.

use std::cmp::Ordering;

use deblora_calib::{
    AlphaDraw, Calibration, ClassCentres, Classes, Features, Mode, Tail, class_means,
};
use rs_datasets::{below, stream, unit};

use super::centres::{Centres, cluster, debiased};
use crate::experiment::{CalibratedRows, CalibrationMode, TailRows};
use crate::run::RunError;

/// Features with labels, row-major `[rows, dim]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labelled {
    pub(super) values: Vec<f32>,
    pub(super) labels: Vec<usize>,
    pub(super) dim: usize,
}

impl Labelled {
    pub(super) fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }

    /// Rows per class.
    pub(super) fn counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            counts[label] += 1;
        }
        counts
    }

    /// The rows of a class.
    pub(super) fn of_class(&self, class: usize) -> Vec<usize> {
        let rows = self.labels.iter().enumerate();
        rows.filter(|(_, label)| **label == class)
            .map(|(row, _)| row)
            .collect()
    }

    pub(super) fn push(&mut self, row: &[f32], label: usize) {
        self.values.extend_from_slice(row);
        self.labels.push(label);
    }
}

/// Rows to fit on, and where the tail was moved to, if it was.
pub(super) struct Treated {
    pub(super) rows: Labelled,
    pub(super) centres: Option<Centres>,
}

/// The training rows as the recipe wants them.
pub(super) fn treat(
    recipe: &TailRows,
    train: &Labelled,
    classes: usize,
    tail: &[usize],
    seed: u64,
) -> Result<Treated, RunError> {
    let features = Features::new("the training features", &train.values, train.dim)?;
    let labels = Classes::new(&train.labels, classes)?;
    let apply = |calibration: &Calibration, centres: &ClassCentres<f32>| {
        let mut rng = stream(&["calibration", &seed.to_string()]);
        let made = calibration.apply(&features, &labels, centres, &mut rng)?;
        Ok::<_, RunError>(Labelled {
            values: made.values,
            labels: made.classes,
            dim: train.dim,
        })
    };
    let of_tail = || Calibration {
        tail: Tail::Classes(tail.to_vec()),
        ..Calibration::default()
    };
    let rows = match recipe {
        TailRows::Drawn => train.clone(),
        TailRows::Duplicate { copies } => {
            let control = Calibration {
                mode: Mode::Duplicate { copies: *copies },
                ..of_tail()
            };
            apply(&control, &class_means(&features, &labels)?)?
        }
        TailRows::Interpolate { copies, neighbours } => {
            interpolated(train, tail, *copies, *neighbours, seed)
        }
        TailRows::Calibrated(config) => {
            let mut calibration = calibration_of(config, tail);
            calibration.mode = match config.mode {
                CalibrationMode::Append => Mode::Append {
                    copies: config.copies,
                },
                CalibrationMode::Replace => Mode::Replace,
            };
            if config.vary {
                calibration.draw = AlphaDraw::Uniform;
            }
            let alphas = calibration.alphas(&labels.sizes())?.alphas;
            let clusters = cluster(config, &features, &labels, seed)?;
            let debiased = debiased(&clusters, &features, &labels)?;
            return Ok(Treated {
                rows: apply(&calibration, &debiased)?,
                centres: Some(Centres { debiased, alphas }),
            });
        }
    };
    Ok(Treated {
        rows,
        centres: None,
    })
}

/// The calibration of the tail classes with the alphas of a recipe.
pub(super) fn calibration_of(config: &CalibratedRows, tail: &[usize]) -> Calibration {
    let mut calibration = Calibration {
        tail: Tail::Classes(tail.to_vec()),
        ..Calibration::default()
    };
    calibration.alpha.numerator = config.numerator;
    calibration.alpha.floor = config.floor;
    calibration
}

/// The rows with `copies` rows added per row of the tail, each at a random place between the row and one of its `neighbours` nearest of the
/// same class. A class of one row is left as it is.
pub(super) fn interpolated(
    train: &Labelled,
    tail: &[usize],
    copies: usize,
    neighbours: usize,
    seed: u64,
) -> Labelled {
    let mut rng = stream(&["smote", &seed.to_string()]);
    let mut all = train.clone();
    for &class in tail {
        let rows = train.of_class(class);
        if rows.len() < 2 {
            continue;
        }
        for &row in &rows {
            let near = nearest(train, row, &rows, neighbours);
            for _ in 0..copies {
                let other = near[below(&mut rng, near.len())];
                let share = unit(&mut rng) as f32;
                let between: Vec<f32> = train
                    .row(row)
                    .iter()
                    .zip(train.row(other))
                    .map(|(a, b)| a + share * (b - a))
                    .collect();
                all.push(&between, class);
            }
        }
    }
    all
}

/// The `count` (at least one) rows of `among` nearest to `row`, itself excluded, nearest first, ties by index.
fn nearest(train: &Labelled, row: usize, among: &[usize], count: usize) -> Vec<usize> {
    let distance = |other: usize| -> f64 {
        let pairs = train.row(row).iter().zip(train.row(other));
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let mut others: Vec<(f64, usize)> = among
        .iter()
        .filter(|other| **other != row)
        .map(|&other| (distance(other), other))
        .collect();
    others.sort_by(|a, b| {
        a.0.partial_cmp(&b.0)
            .unwrap_or(Ordering::Equal)
            .then(a.1.cmp(&b.1))
    });
    others.truncate(count.max(1));
    others.into_iter().map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 0: twelve rows; class 1: two rows; class 2: one row.
    fn train() -> Labelled {
        let labels: Vec<usize> = (0..15)
            .map(|i| usize::from(i >= 12) + usize::from(i == 14))
            .collect();
        let values = (0..30).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
        Labelled {
            values,
            labels,
            dim: 2,
        }
    }

    #[test]
    fn added_rows_lie_between_rows_of_their_class_and_leave_the_others() {
        let train = train();
        let all = interpolated(&train, &[1, 2], 3, 5, 0);
        assert_eq!(all.values[..30], train.values);
        assert_eq!(all.counts(3), [12, 8, 1], "one row alone has no segment");
        let (a, b) = (train.row(12), train.row(13));
        for row in 15..all.labels.len() {
            for ((x, a), b) in all.row(row).iter().zip(a).zip(b) {
                assert!(a.min(*b) <= *x && *x <= a.max(*b), "{x} {a} {b}");
            }
        }
        assert_eq!(all, interpolated(&train, &[1, 2], 3, 5, 0));
        assert_ne!(all, interpolated(&train, &[1, 2], 3, 5, 1));
    }

    #[test]
    fn neighbours_are_the_nearest_ones() {
        let line = Labelled {
            values: vec![0.0, 10.0, 1.0, 4.0],
            labels: vec![0; 4],
            dim: 1,
        };
        let all = [0, 1, 2, 3];
        assert_eq!(nearest(&line, 0, &all, 2), [2, 3]);
        assert_eq!(nearest(&line, 1, &all, 9), [3, 2, 0]);
        assert_eq!(nearest(&line, 0, &all, 0), [2]);
    }

    #[test]
    fn duplicates_are_the_control_for_appended_rows() {
        let train = train();
        let treat = |recipe: &TailRows| treat(recipe, &train, 3, &[1, 2], 0).unwrap();
        let drawn = treat(&TailRows::Drawn);
        assert_eq!(drawn.rows, train);
        // Imbalance 6 and 12: only the class beyond 10 would be moved.
        let twice = treat(&TailRows::Duplicate { copies: 2 });
        assert_eq!(twice.rows.counts(3), [12, 2, 3]);
        assert_eq!(twice.rows.row(16), train.row(14));
        assert!(twice.centres.is_none());
    }
}
