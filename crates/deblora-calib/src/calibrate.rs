//! Calibration: `z̃ = α z + (1 − α) μ̂_c` for the rows of tail classes (debLoRA, its third step).

use clustering::Scalar;
use rand::RngCore;

use crate::error::CalibError;
use crate::imbalance::{AlphaRule, ImbalanceRatio, Tail};
use crate::means::ClassCentres;
use crate::table::{Classes, Features};

/// What becomes of the rows of tail classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Calibrated rows take the place of the originals.
    Replace,
    /// Calibrated rows come behind all originals, this many times; at least 1.
    Append {
        /// How often.
        copies: usize,
    },
    /// The control: the same rows come behind as with [`Mode::Append`], but as they are. What appending gains beyond this is due to the
    /// calibration.
    Duplicate {
        /// How often.
        copies: usize,
    },
}

/// How much α varies from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlphaDraw {
    /// α of the class for every row.
    #[default]
    Fixed,
    /// Uniform between α of the class and 1, anew for every row and copy: the segment instead of its end.
    Uniform,
}

/// All options of a calibration. The defaults are the printed formulas where the paper has one, and appending once.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Definition of the imbalance ratio.
    pub ratio: ImbalanceRatio,
    /// From ratio to α.
    pub alpha: AlphaRule,
    /// Which classes are moved (if their α is below 1).
    pub tail: Tail,
    /// What becomes of their rows.
    pub mode: Mode,
    /// How α varies.
    pub draw: AlphaDraw,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            ratio: ImbalanceRatio::default(),
            alpha: AlphaRule::default(),
            tail: Tail::default(),
            mode: Mode::Append { copies: 1 },
            draw: AlphaDraw::default(),
        }
    }
}

/// A training set after calibration.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated<T> {
    /// `[rows, dim]` row-major.
    pub values: Vec<T>,
    /// Class of every row.
    pub classes: Vec<usize>,
    /// The row of the input that every row comes from.
    pub sources: Vec<usize>,
    /// α with which every row was moved; 1 for a row as it was.
    pub alphas: Vec<f64>,
}

/// The numbers behind a calibration, per class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassAlphas {
    /// Imbalance ratio; infinite for a class without rows.
    pub ratios: Vec<f64>,
    /// α: 1 for classes that are not tail.
    pub alphas: Vec<f64>,
    /// The tail classes in ascending order; with an α of 1 they stay as they are all the same.
    pub tail: Vec<usize>,
}

impl Calibration {
    /// Ratios, α and tail classes, from rows per class.
    ///
    /// # Errors
    /// When an option is outside its range, a listed class has no rows, or no class has.
    pub fn alphas(&self, sizes: &[usize]) -> Result<ClassAlphas, CalibError> {
        let ratios = self.ratio.of(sizes)?;
        let tail = self.tail.of(sizes, self.ratio)?;
        let mut alphas = vec![1.0; sizes.len()];
        for &class in &tail {
            alphas[class] = self.alpha.alpha(ratios[class])?;
        }
        // Checked even where no class is tail.
        self.alpha.alpha(1.0)?;
        Ok(ClassAlphas {
            ratios,
            alphas,
            tail,
        })
    }

    /// The targets of the objective: `z̃` of every row of a tail class, in the order of rows. The mode does not matter.
    ///
    /// # Errors
    /// As [`Calibration::apply`].
    pub fn targets<T: Scalar>(
        &self,
        features: &Features<'_, T>,
        classes: &Classes<'_>,
        centres: &ClassCentres<T>,
        rng: &mut impl RngCore,
    ) -> Result<Calibrated<T>, CalibError> {
        classes.fit(features)?;
        let per_class = self.alphas(&classes.sizes())?;
        let rows: Vec<usize> = (0..features.rows())
            .filter(|&row| per_class.tail.contains(&classes.labels()[row]))
            .collect();
        let mut result = Calibrated::with_capacity(rows.len(), features.dim());
        for row in rows {
            let class = classes.labels()[row];
            let alpha = self.draw(per_class.alphas[class], rng);
            result.push(features, classes, row, alpha, centres)?;
        }
        Ok(result)
    }

    /// The training set with the calibrated rows in it, as the mode says. Rows of tail classes with an α of 1 are left alone in every mode,
    /// so that a balanced set comes back as it was. `centres` are usually [`crate::debiased_centres`].
    ///
    /// `rng` is used by [`AlphaDraw::Uniform`] only.
    ///
    /// # Errors
    /// When lengths or dimensions do not fit, an option is outside its range, or a tail class has no centre.
    pub fn apply<T: Scalar>(
        &self,
        features: &Features<'_, T>,
        classes: &Classes<'_>,
        centres: &ClassCentres<T>,
        rng: &mut impl RngCore,
    ) -> Result<Calibrated<T>, CalibError> {
        classes.fit(features)?;
        let alphas = self.alphas(&classes.sizes())?.alphas;
        let n = features.rows();
        let moved: Vec<usize> = (0..n)
            .filter(|&row| alphas[classes.labels()[row]] < 1.0)
            .collect();
        let copies = match self.mode {
            Mode::Replace => 0,
            Mode::Append { copies } | Mode::Duplicate { copies } => copies,
        };
        if copies == 0 && self.mode != Mode::Replace {
            return Err(CalibError::Value {
                name: "copies",
                expected: "at least 1",
                found: "0".into(),
            });
        }
        let appended = moved.len().saturating_mul(copies);
        // A bound on memory: copies of everything beyond a hundred times the set are a mistake.
        if appended > n.saturating_mul(100) {
            return Err(CalibError::Value {
                name: "copies",
                expected: "such that at most a hundred times the training set is appended",
                found: copies.to_string(),
            });
        }
        let mut result = Calibrated::with_capacity(n + appended, features.dim());
        for row in 0..n {
            let alpha = match self.mode {
                Mode::Replace => self.draw(alphas[classes.labels()[row]], rng),
                _ => 1.0,
            };
            result.push(features, classes, row, alpha, centres)?;
        }
        for _ in 0..copies {
            for &row in &moved {
                let alpha = match self.mode {
                    Mode::Duplicate { .. } => 1.0,
                    _ => self.draw(alphas[classes.labels()[row]], rng),
                };
                result.push(features, classes, row, alpha, centres)?;
            }
        }
        Ok(result)
    }

    fn draw(&self, alpha: f64, rng: &mut impl RngCore) -> f64 {
        match self.draw {
            AlphaDraw::Uniform if alpha < 1.0 => {
                let unit = (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
                alpha + (1.0 - alpha) * unit
            }
            _ => alpha,
        }
    }
}

impl<T: Scalar> Calibrated<T> {
    pub(crate) fn with_capacity(rows: usize, dim: usize) -> Self {
        Self {
            values: Vec::with_capacity(rows * dim),
            classes: Vec::with_capacity(rows),
            sources: Vec::with_capacity(rows),
            alphas: Vec::with_capacity(rows),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.classes.len()
    }

    fn push(
        &mut self,
        features: &Features<'_, T>,
        classes: &Classes<'_>,
        row: usize,
        alpha: f64,
        centres: &ClassCentres<T>,
    ) -> Result<(), CalibError> {
        let class = classes.labels()[row];
        let z = features.row(row);
        if alpha == 1.0 {
            self.values.extend_from_slice(z);
        } else {
            let centre = centres.of(class).ok_or(CalibError::EmptyClass {
                class,
                what: "the de-biased centres",
            })?;
            if centre.len() != z.len() {
                return Err(CalibError::Length {
                    what: "a de-biased centre",
                    expected: z.len().to_string(),
                    found: centre.len(),
                });
            }
            self.values.extend(calibrated(z, centre, alpha));
        }
        self.classes.push(class);
        self.sources.push(row);
        self.alphas.push(alpha);
        Ok(())
    }
}

/// `α z + (1 − α) μ̂`, in f64. Exactly `z` for α = 1, exactly `μ̂` for α = 0.
pub fn calibrated<T: Scalar>(z: &[T], centre: &[T], alpha: f64) -> Vec<T> {
    z.iter()
        .zip(centre)
        .map(|(z, m)| T::from_f64(alpha * z.to_f64() + (1.0 - alpha) * m.to_f64()))
        .collect()
}
