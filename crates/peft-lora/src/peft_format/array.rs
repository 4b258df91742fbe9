//! Named arrays on the host: what adapter files hold, independent of any backend and of any head.

use std::collections::BTreeMap;

use crate::error::PeftError;

/// Values of a tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct HostArray {
    /// Lengths of the axes, outermost first.
    pub shape: Vec<usize>,
    /// The values; as many as the product of the shape.
    pub data: Vec<f32>,
}

impl HostArray {
    /// An array of that shape, or `None` if the number of values is not the product of the shape.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Option<Self> {
        let shape = shape.into();
        let count = shape
            .iter()
            .try_fold(1usize, |n, &axis| n.checked_mul(axis))?;
        (count == data.len()).then_some(Self { shape, data })
    }

    /// The matrix with rows and columns exchanged. `self` must have two axes.
    pub(crate) fn transposed(&self) -> Self {
        let (rows, columns) = (self.shape[0], self.shape[1]);
        let mut data = Vec::with_capacity(self.data.len());
        for column in 0..columns {
            data.extend((0..rows).map(|row| self.data[row * columns + column]));
        }
        Self {
            shape: vec![columns, rows],
            data,
        }
    }

    /// Refuses NaN and infinities.
    pub(crate) fn require_finite(&self, what: &str) -> Result<(), PeftError> {
        match self.data.iter().filter(|value| !value.is_finite()).count() {
            0 => Ok(()),
            count => Err(PeftError::NotFinite {
                what: what.to_owned(),
                count,
            }),
        }
    }
}

/// The head that was trained with an adapter, as plain arrays, so that the file does not depend on how a head is built.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedHead {
    /// `[classes, features]`, as PyTorch lays a linear map out.
    pub weight: HostArray,
    /// `[classes]`, if the head has one.
    pub bias: Option<HostArray>,
    /// Whatever else the head needs to be rebuilt (for example the statistics its inputs are standardised with), by name. It is
    /// written beside the PEFT files, where Python peft does not look: see [`SavedHead::with_standardisation_folded`].
    pub extra: BTreeMap<String, HostArray>,
}

impl SavedHead {
    /// A head `x -> x W^T + b`.
    ///
    /// # Errors
    /// [`PeftError::Head`] when the shapes do not fit each other.
    pub fn new(weight: HostArray, bias: Option<HostArray>) -> Result<Self, PeftError> {
        let head = Self {
            weight,
            bias,
            extra: BTreeMap::new(),
        };
        head.validate()?;
        Ok(head)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.weight.shape.first().copied().unwrap_or(0)
    }

    /// Number of features per input.
    pub fn features(&self) -> usize {
        self.weight.shape.get(1).copied().unwrap_or(0)
    }

    /// The plain head with the same outputs on raw features as this one on features standardised to `(x - mean) / std`:
    /// `W' = W / std`, `b' = b - W' mean`. Python peft knows no standardisation, so fold it before exporting for Python.
    ///
    /// # Errors
    /// [`PeftError::Head`] when `mean` or `std` has not one value per feature, or a `std` is not above 0.
    pub fn with_standardisation_folded(
        &self,
        mean: &[f32],
        std: &[f32],
    ) -> Result<Self, PeftError> {
        let (classes, features) = (self.classes(), self.features());
        for (array, values) in [("mean", mean), ("std", std)] {
            if values.len() != features {
                return Err(head_error(array, &[values.len()], format!("[{features}]")));
            }
        }
        if std.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return Err(head_error(
                "std",
                &[features],
                "finite values above 0".into(),
            ));
        }
        let mut weight = self.weight.clone();
        let mut bias = self
            .bias
            .clone()
            .map_or_else(|| vec![0.0; classes], |b| b.data);
        for class in 0..classes {
            let row = &mut weight.data[class * features..(class + 1) * features];
            // In f64: the sum over features cancels when means are large beside their spread.
            let mut shift = 0f64;
            for feature in 0..features {
                row[feature] /= std[feature];
                shift += f64::from(row[feature]) * f64::from(mean[feature]);
            }
            bias[class] = (f64::from(bias[class]) - shift) as f32;
        }
        Ok(Self {
            weight,
            bias: Some(HostArray {
                shape: vec![classes],
                data: bias,
            }),
            extra: BTreeMap::new(),
        })
    }

    /// Checks the shapes against each other, and every array's length against its shape.
    pub(crate) fn validate(&self) -> Result<(), PeftError> {
        if self.weight.shape.len() != 2 || self.weight.shape.contains(&0) {
            return Err(head_error(
                "weight",
                &self.weight.shape,
                "[classes, features], both above 0".into(),
            ));
        }
        let classes = [self.classes()];
        if let Some(bias) = self.bias.as_ref().filter(|bias| bias.shape != classes) {
            return Err(head_error("bias", &bias.shape, format!("{classes:?}")));
        }
        let arrays = [("weight", &self.weight)]
            .into_iter()
            .chain(self.bias.iter().map(|b| ("bias", b)));
        for (name, array) in arrays.chain(
            self.extra
                .iter()
                .map(|(name, array)| (name.as_str(), array)),
        ) {
            if array.shape.iter().product::<usize>() != array.data.len() {
                return Err(head_error(
                    name,
                    &array.shape,
                    format!("a shape of {} values", array.data.len()),
                ));
            }
        }
        Ok(())
    }
}

fn head_error(array: &str, found: &[usize], expected: String) -> PeftError {
    PeftError::Head {
        array: array.to_owned(),
        found: found.to_vec(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_gives_the_same_outputs() {
        let weight = HostArray::new([2, 3], vec![1.0, -2.0, 0.5, 3.0, 0.25, -1.0]).unwrap();
        let head =
            SavedHead::new(weight, Some(HostArray::new([2], vec![0.5, -0.5]).unwrap())).unwrap();
        let (mean, std, x) = ([10.0, -4.0, 0.5], [2.0, 0.5, 4.0], [11.0f32, -3.0, 2.0]);
        let folded = head.with_standardisation_folded(&mean, &std).unwrap();
        for class in 0..2 {
            let row = |h: &SavedHead, f: &dyn Fn(usize) -> f32| -> f32 {
                (0..3)
                    .map(|i| h.weight.data[class * 3 + i] * f(i))
                    .sum::<f32>()
                    + h.bias.as_ref().unwrap().data[class]
            };
            let standardised = row(&head, &|i| (x[i] - mean[i]) / std[i]);
            let raw = row(&folded, &|i| x[i]);
            assert!((standardised - raw).abs() < 1e-5, "{standardised} {raw}");
        }
    }

    #[test]
    fn heads_that_do_not_fit_are_refused() {
        let weight = HostArray::new([2, 3], vec![0.0; 6]).unwrap();
        assert!(SavedHead::new(weight.clone(), HostArray::new([3], vec![0.0; 3])).is_err());
        assert!(SavedHead::new(HostArray::new([6], vec![0.0; 6]).unwrap(), None).is_err());
        let head = SavedHead::new(weight, None).unwrap();
        assert!(
            head.with_standardisation_folded(&[0.0; 2], &[1.0; 3])
                .is_err()
        );
        assert!(
            head.with_standardisation_folded(&[0.0; 3], &[1.0, 0.0, 1.0])
                .is_err()
        );
        assert!(HostArray::new([usize::MAX, 2], vec![]).is_none());
    }

    #[test]
    fn transposing_twice_is_the_identity() {
        let array = HostArray::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(array.transposed().data, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(array.transposed().transposed(), array);
    }
}
