//! The paper's definition of a biased feature space, measured: `Vol(Z_h) > Vol(Z_t)`, and some tail row is more likely in the head's region
//! than in the tail's.
//!
//! The paper leaves volume and probability open. Here a group of classes is a normal distribution with a shrunk covariance; its
//! volume is that of the ellipsoid of one deviation, and a row lies in the region of the group whose density is larger, both groups being
//! equally likely beforehand. Beside it stands a measure without any distribution: the share of head rows among nearest training rows.

use clustering::Scalar;

use super::gaussian::Gaussian;
use crate::error::CalibError;
use crate::means::squared_distance;
use crate::table::{Classes, Features};

/// Extent of a group of classes in feature space.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupShape {
    /// Training rows.
    pub rows: usize,
    /// `ln Vol / d = ½ ln det Σ / d`: the logarithm of the geometric mean of the deviations along the axes. Fewer rows than features leave
    /// directions to the shrinkage; compare groups of similar size, or reduce the features first.
    pub log_volume_per_axis: f64,
    /// Root mean square distance of the rows to their mean, which few rows estimate well.
    pub radius: f64,
}

/// The definition, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct BiasReport {
    /// Head classes.
    pub head: GroupShape,
    /// Tail classes.
    pub tail: GroupShape,
    /// Tail validation rows that were looked at.
    pub tail_rows: usize,
    /// Fraction of them whose density under the head is larger than under the tail.
    pub tail_in_head: f64,
    /// The same per tail class, in the order given; absent for a class without validation rows.
    pub tail_in_head_by_class: Vec<(usize, Option<f64>)>,
    /// Mean share of head rows among the nearest training rows of head and tail.
    pub head_neighbours: f64,
}

impl BiasReport {
    /// Both conditions of the definition hold.
    pub fn is_biased(&self) -> bool {
        self.head.log_volume_per_axis > self.tail.log_volume_per_axis && self.tail_in_head > 0.0
    }
}

/// Measures the bias of a feature space. `shrinkage` (above 0, at most 1; 0.1 is a usual choice) pulls covariances towards a sphere;
/// `neighbours` (at least 1) is how many nearest training rows are asked.
///
/// Costs one factorisation of `[dim, dim]` per group and all pairs of tail validation rows and training rows.
///
/// # Errors
/// When lengths or dimensions do not fit, a group has no spread, no tail class has validation rows, or an option is outside its range.
pub fn feature_bias<T: Scalar>(
    train: (&Features<'_, T>, &Classes<'_>),
    validation: (&Features<'_, T>, &Classes<'_>),
    head: &[usize],
    tail: &[usize],
    shrinkage: f64,
    neighbours: usize,
) -> Result<BiasReport, CalibError> {
    let ((features, classes), (held_out, held_out_classes)) = (train, validation);
    classes.fit(features)?;
    held_out_classes.fit(held_out)?;
    if held_out.dim() != features.dim() {
        return Err(CalibError::Length {
            what: "a validation row",
            expected: features.dim().to_string(),
            found: held_out.dim(),
        });
    }
    if !(shrinkage > 0.0 && shrinkage <= 1.0) {
        return Err(CalibError::Value {
            name: "shrinkage",
            expected: "above 0, at most 1",
            found: shrinkage.to_string(),
        });
    }
    if neighbours == 0 {
        return Err(CalibError::Value {
            name: "neighbours",
            expected: "at least 1",
            found: "0".into(),
        });
    }
    if let Some(&both) = head.iter().find(|c| tail.contains(c)) {
        return Err(CalibError::Value {
            name: "head and tail",
            expected: "lists without a common class",
            found: format!("class {both} in both"),
        });
    }
    let members = |group: &[usize]| -> Vec<usize> {
        (0..features.rows())
            .filter(|&row| group.contains(&classes.labels()[row]))
            .collect()
    };
    let (head_rows, tail_rows) = (members(head), members(tail));
    let fit = |rows: &[usize], group| {
        Gaussian::fit(features, rows, shrinkage).ok_or(CalibError::NoSpread { group })
    };
    let head_model = fit(&head_rows, "head")?;
    let tail_model = fit(&tail_rows, "tail")?;
    let known: Vec<(usize, bool)> = head_rows
        .iter()
        .map(|&row| (row, true))
        .chain(tail_rows.iter().map(|&row| (row, false)))
        .collect();
    let asked = neighbours.min(known.len());
    let mut seen = vec![0usize; tail.len()];
    let mut lost = vec![0usize; tail.len()];
    let mut share = 0.0;
    let mut order: Vec<(f64, bool)> = Vec::with_capacity(known.len());
    for (row, label) in held_out_classes.labels().iter().enumerate() {
        let Some(class) = tail.iter().position(|c| c == label) else {
            continue;
        };
        let x = held_out.row(row);
        seen[class] += 1;
        lost[class] += usize::from(head_model.log_density(x) > tail_model.log_density(x));
        order.clear();
        order.extend(
            known
                .iter()
                .map(|&(row, head)| (squared_distance(x, features.row(row)), head)),
        );
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let head_count = order[..asked].iter().filter(|(_, head)| *head).count();
        share += head_count as f64 / asked as f64;
    }
    let total: usize = seen.iter().sum();
    if total == 0 {
        return Err(CalibError::EmptyClass {
            class: tail.first().copied().unwrap_or_default(),
            what: "the validation set",
        });
    }
    let shape = |model: &Gaussian, rows: &[usize]| GroupShape {
        rows: rows.len(),
        log_volume_per_axis: model.log_volume / features.dim() as f64,
        radius: model.radius,
    };
    let by_class = |i: usize| (seen[i] > 0).then(|| lost[i] as f64 / seen[i] as f64);
    Ok(BiasReport {
        head: shape(&head_model, &head_rows),
        tail: shape(&tail_model, &tail_rows),
        tail_rows: total,
        tail_in_head: lost.iter().sum::<usize>() as f64 / total as f64,
        tail_in_head_by_class: (0..tail.len()).map(|i| (tail[i], by_class(i))).collect(),
        head_neighbours: share / total as f64,
    })
}
