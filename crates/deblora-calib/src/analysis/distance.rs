//! How far centres are from the mean of rows that training has not seen.

use clustering::Scalar;

use crate::error::CalibError;
use crate::means::{ClassCentres, distance};

/// Euclidean distances to the validation mean of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct CentreDistance {
    /// The class.
    pub class: usize,
    /// From the mean of its training rows.
    pub train: f64,
    /// From its de-biased centre.
    pub debiased: f64,
    /// From the mean of its calibrated rows, `α m + (1 − α) μ̂`.
    pub calibrated: f64,
}

impl CentreDistance {
    /// Whether the de-biased centre is the nearer one. Nothing guarantees it.
    pub fn debiased_is_nearer(&self) -> bool {
        self.debiased < self.train
    }
}

/// For every class of `classes`: the distances of the three centres to `validation`, the means of held-out rows. `alphas` has α of
/// every class ([`crate::Calibration::alphas`]).
///
/// # Errors
/// When a class lacks one of the centres, or dimensions differ.
pub fn centre_distances<T: Scalar>(
    classes: &[usize],
    train: &ClassCentres<T>,
    debiased: &ClassCentres<T>,
    validation: &ClassCentres<T>,
    alphas: &[f64],
) -> Result<Vec<CentreDistance>, CalibError> {
    let of = |centres: &ClassCentres<T>, class, what| match centres.of(class) {
        Some(centre) => Ok(centre.to_vec()),
        None => Err(CalibError::EmptyClass { class, what }),
    };
    classes
        .iter()
        .map(|&class| {
            let train = of(train, class, "the training set")?;
            let debiased = of(debiased, class, "the de-biased centres")?;
            let truth = of(validation, class, "the validation set")?;
            if train.len() != truth.len() || debiased.len() != truth.len() {
                return Err(CalibError::Length {
                    what: "a centre",
                    expected: truth.len().to_string(),
                    found: train.len().min(debiased.len()),
                });
            }
            let alpha = *alphas.get(class).ok_or(CalibError::Length {
                what: "the list of alphas",
                expected: format!("more than {class}, one per class"),
                found: alphas.len(),
            })?;
            let calibrated: Vec<f64> = train
                .iter()
                .zip(&debiased)
                .map(|(m, d)| alpha * m.to_f64() + (1.0 - alpha) * d.to_f64())
                .collect();
            let wide: Vec<f64> = truth.iter().map(|x| x.to_f64()).collect();
            Ok(CentreDistance {
                class,
                train: distance(&train, &truth),
                debiased: distance(&debiased, &truth),
                calibrated: distance(&calibrated, &wide),
            })
        })
        .collect()
}
