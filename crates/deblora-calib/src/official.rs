//! The calibration of the released code, which is not that of the paper: one class at a time, towards one cluster chosen by hand, with the
//! factor the other way round.

use clustering::Scalar;
use clustering::scaler::StandardScaler;

use crate::calibrate::Calibrated;
use crate::error::CalibError;
use crate::table::{Classes, Features};

/// What the released code does with the rows of the class; the calibrated ones come behind all others either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OfficialRows {
    /// The originals stay (the list `ori_calibrated_train.csv` of its experiments).
    #[default]
    Append,
    /// The originals go (the list `calibrated_train.csv` that its calibration script writes).
    Replace,
}

/// Options of the released code.
#[derive(Debug, Clone, PartialEq)]
pub struct OfficialCalibration {
    /// The class whose rows are moved.
    pub class: usize,
    /// The cluster towards whose centre they are moved.
    pub cluster: usize,
    /// How far: 0 leaves rows as they are, 1 puts them on the centre. Its option `alpha`, which is `1 − α` of the paper; 0.5 by default.
    pub strength: f64,
    /// Rows nearer to the centre than this, in standardised features, stay as they are.
    pub threshold: Option<f64>,
    /// What becomes of the originals.
    pub rows: OfficialRows,
}

impl OfficialCalibration {
    /// The defaults of the released code for a class and a cluster.
    pub fn new(class: usize, cluster: usize) -> Self {
        Self {
            class,
            cluster,
            strength: 0.5,
            threshold: None,
            rows: OfficialRows::default(),
        }
    }

    /// Standardises the rows of the class, moves them by `z' = (1 − s) z + s μ_k`, and takes them back to the scale of `features`.
    /// `centres`, `[clusters, dim]`, are those of standardised features, as its clustering script stores them.
    ///
    /// # Errors
    /// When lengths or dimensions do not fit, the class has no rows, the cluster does not exist, or an option is outside its range.
    pub fn apply<T: Scalar>(
        &self,
        features: &Features<'_, T>,
        classes: &Classes<'_>,
        scaler: &StandardScaler,
        centres: &[T],
    ) -> Result<Calibrated<T>, CalibError> {
        classes.fit(features)?;
        let dim = features.dim();
        let centres = Features::new("the table of centres", centres, dim)?;
        self.check(classes, centres.rows())?;
        if scaler.mean().len() != dim {
            return Err(CalibError::Length {
                what: "the scaler",
                expected: dim.to_string(),
                found: scaler.mean().len(),
            });
        }
        let centre = centres.row(self.cluster);
        let inside = |row: &usize| classes.labels()[*row] == self.class;
        let of_class: Vec<usize> = (0..features.rows()).filter(inside).collect();
        let mut result = Calibrated::with_capacity(features.rows() + of_class.len(), dim);
        for row in 0..features.rows() {
            if self.rows == OfficialRows::Append || !inside(&row) {
                result.values.extend_from_slice(features.row(row));
                result.note(classes.labels()[row], row, 1.0);
            }
        }
        for row in of_class {
            let z: Vec<f64> = (0..dim)
                .map(|j| {
                    let x = features.row(row)[j].to_f64();
                    (x - scaler.mean()[j]) / scaler.scale()[j]
                })
                .collect();
            let away: f64 = z
                .iter()
                .zip(centre)
                .map(|(z, m)| (z - m.to_f64()).powi(2))
                .sum::<f64>()
                .sqrt();
            if self.threshold.is_some_and(|t| away < t) {
                result.values.extend_from_slice(features.row(row));
                result.note(self.class, row, 1.0);
                continue;
            }
            result.values.extend((0..dim).map(|j| {
                let moved = (1.0 - self.strength) * z[j] + self.strength * centre[j].to_f64();
                T::from_f64(moved * scaler.scale()[j] + scaler.mean()[j])
            }));
            result.note(self.class, row, 1.0 - self.strength);
        }
        Ok(result)
    }

    fn check(&self, classes: &Classes<'_>, clusters: usize) -> Result<(), CalibError> {
        if self.cluster >= clusters {
            return Err(CalibError::Label {
                what: "the chosen cluster",
                row: 0,
                label: self.cluster,
                count: clusters,
            });
        }
        if !classes.labels().contains(&self.class) {
            return Err(CalibError::EmptyClass {
                class: self.class,
                what: "the training set",
            });
        }
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(CalibError::Value {
                name: "strength",
                expected: "0 to 1",
                found: self.strength.to_string(),
            });
        }
        if self.threshold.is_some_and(|t| t.is_nan() || t < 0.0) {
            return Err(CalibError::Value {
                name: "threshold",
                expected: "at least 0",
                found: format!("{:?}", self.threshold),
            });
        }
        Ok(())
    }
}

impl<T> Calibrated<T> {
    fn note(&mut self, class: usize, row: usize, alpha: f64) {
        self.classes.push(class);
        self.sources.push(row);
        self.alphas.push(alpha);
    }
}
