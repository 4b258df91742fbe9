//! Comparing tensors: the error of the whole, and a failure that names the worst element.

use burn::tensor::{DType, TensorData};

use crate::Tolerance;

/// `max |actual - expected| / max |expected|`, with the position where the largest difference is.
///
/// A NaN on one side only, or two different infinities, count as an infinite error. When everything expected is zero, the error is absolute.
///
/// # Panics
/// When the shapes differ.
pub fn relative_error(actual: &TensorData, expected: &TensorData) -> (f64, Vec<usize>) {
    assert_eq!(actual.shape, expected.shape, "shapes differ");
    let (found, wanted) = (floats(actual), floats(expected));
    let scale = wanted
        .iter()
        .filter(|v| v.is_finite())
        .fold(0.0, |m: f64, v| m.max(v.abs()));
    let (mut worst, mut at) = (0.0, 0);
    for (index, (a, e)) in found.iter().zip(&wanted).enumerate() {
        let difference = if a == e || (a.is_nan() && e.is_nan()) {
            0.0
        } else if (a - e).is_finite() {
            (a - e).abs()
        } else {
            f64::INFINITY
        };
        if difference > worst {
            (worst, at) = (difference, index);
        }
    }
    let error = if scale > 0.0 { worst / scale } else { worst };
    (error, position(at, &actual.shape))
}

/// Fails unless `actual` is within `tolerance` of `expected`; gives back the error, so that a test can publish it.
///
/// # Panics
/// When the shapes differ or the error is too large; the message names `what`, the worst element and both its values.
pub fn assert_close(
    actual: &TensorData,
    expected: &TensorData,
    tolerance: Tolerance,
    what: &str,
) -> f64 {
    assert_eq!(
        actual.shape, expected.shape,
        "{what}: the shape is {:?}, expected {:?}",
        actual.shape, expected.shape
    );
    let (error, at) = relative_error(actual, expected);
    crate::published::note(what, error, tolerance);
    if error > tolerance.relative || error.is_nan() {
        let flat = at
            .iter()
            .zip(actual.shape.iter())
            .fold(0, |flat, (index, size)| flat * size + index);
        panic!(
            "{what}: relative error {error:.3e} exceeds the tolerance `{}` ({:.1e}); worst at {at:?}: {} instead of {}",
            tolerance.name,
            tolerance.relative,
            floats(actual)[flat],
            floats(expected)[flat],
        );
    }
    error
}

/// All values as f64.
fn floats(data: &TensorData) -> Vec<f64> {
    let data = data.clone();
    let data = if data.dtype == DType::F64 {
        data
    } else {
        data.convert_dtype(DType::F64)
    };
    data.iter::<f64>().collect()
}

/// Index per axis of the element number `flat` in row-major order.
fn position(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (slot, size) in index.iter_mut().zip(shape).rev() {
        *slot = flat % (*size).max(1);
        flat /= (*size).max(1);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_relative_to_the_largest_value() {
        let expected = TensorData::new(vec![100.0f32, 0.0], [2]);
        let actual = TensorData::new(vec![100.0f32, 1.0], [2]);
        let (error, at) = relative_error(&actual, &expected);
        assert!((error - 0.01).abs() < 1e-9);
        assert_eq!(at, [1]);
    }

    #[test]
    #[should_panic(expected = "worst at [1, 0]: 4 instead of 3")]
    fn a_failure_names_the_worst_element() {
        let expected = TensorData::new(vec![1.0f32, 2.0, 3.0, 4.0], [2, 2]);
        let actual = TensorData::new(vec![1.0f32, 2.0, 4.0, 4.0], [2, 2]);
        assert_close(&actual, &expected, Tolerance::F32, "matrix");
    }

    #[test]
    fn nan_on_one_side_is_an_infinite_error() {
        let expected = TensorData::new(vec![1.0f32, f32::NAN], [2]);
        assert_eq!(relative_error(&expected, &expected).0, 0.0);
        let actual = TensorData::new(vec![f32::NAN, f32::NAN], [2]);
        assert_eq!(relative_error(&actual, &expected).0, f64::INFINITY);
    }
}
