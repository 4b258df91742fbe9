//! Cosine distances between and within classes (the measure of the authors' answer R5).

use clustering::Scalar;

use crate::error::CalibError;
use crate::means::class_means;
use crate::table::{Classes, Features};

/// Average cosine distances, `1 − cos`, 0 to 2.
#[derive(Debug, Clone, PartialEq)]
pub struct CosineReport {
    /// Mean over all pairs of classes of the distance of their centres; absent with one class.
    pub between: Option<f64>,
    /// Mean over all rows of the distance to the centre of their class.
    pub within_rows: f64,
    /// Mean over the classes of the mean over their rows: rare classes count as much as others.
    pub within_classes: f64,
    /// Mean over the rows of every class; absent for a class without rows.
    pub within: Vec<Option<f64>>,
}

/// Measures the classes that have rows. Their centres are the means of their rows.
///
/// # Errors
/// When there is not one class per row, or a row or centre is the zero vector.
pub fn cosine_distances<T: Scalar>(
    features: &Features<'_, T>,
    classes: &Classes<'_>,
) -> Result<CosineReport, CalibError> {
    let centres = class_means(features, classes)?;
    let mut directions: Vec<Option<Vec<f64>>> = Vec::with_capacity(centres.classes());
    for class in 0..centres.classes() {
        directions.push(match centres.of(class) {
            Some(centre) => Some(direction(centre).ok_or(CalibError::NoDirection {
                what: "the centre of class",
                index: class,
            })?),
            None => None,
        });
    }
    let mut sums = vec![0.0; centres.classes()];
    for (row, &class) in classes.labels().iter().enumerate() {
        let own = direction(features.row(row)).ok_or(CalibError::NoDirection {
            what: "row",
            index: row,
        })?;
        if let Some(centre) = &directions[class] {
            sums[class] += apart(&own, centre);
        }
    }
    let sizes = classes.sizes();
    let within: Vec<Option<f64>> = sums
        .iter()
        .zip(&sizes)
        .map(|(sum, &n)| (n > 0).then(|| sum / n as f64))
        .collect();
    let present: Vec<&Vec<f64>> = directions.iter().flatten().collect();
    let mut between = Vec::new();
    for (i, a) in present.iter().enumerate() {
        between.extend(present[..i].iter().map(|b| apart(a, b)));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let per_class: Vec<f64> = within.iter().flatten().copied().collect();
    Ok(CosineReport {
        between: (!between.is_empty()).then(|| mean(&between)),
        within_rows: sums.iter().sum::<f64>() / features.rows() as f64,
        within_classes: mean(&per_class),
        within,
    })
}

fn direction<T: Scalar>(x: &[T]) -> Option<Vec<f64>> {
    // Scaled first, so that the squares of small numbers do not vanish.
    let largest = x.iter().fold(0.0f64, |m, x| m.max(x.to_f64().abs()));
    if largest == 0.0 {
        return None;
    }
    let scaled: Vec<f64> = x.iter().map(|x| x.to_f64() / largest).collect();
    let norm = scaled.iter().map(|x| x * x).sum::<f64>().sqrt();
    Some(scaled.into_iter().map(|x| x / norm).collect())
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    let cosine: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    (1.0 - cosine).clamp(0.0, 2.0)
}
