//! Rotary positions: queries and keys of patches are turned by angles that depend on where the patch lies.

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};

use crate::{BackboneError, InitRule};

/// The base of the periods: `base^(i / count)`.
const BASE: f32 = 100.0;

/// Rotary positions on two axes without trained parts (RoPE, Su et al. 2021, carried to images as DINOv3, Siméoni et al. 2025,
/// does): the place of a patch runs from -1 to 1 along each axis whatever the grid, and turns pairs of channels.
#[derive(Module, Clone, Debug)]
pub struct RotaryPositions {
    /// Periods in units of half the image, a quarter as many as a head has channels. Files may hold them rounded.
    #[module(skip)]
    pub periods: Vec<f32>,
}

impl RotaryPositions {
    /// How the periods of a model start that reads them from nowhere.
    pub(crate) const RULE: InitRule = InitRule::Powers { base: BASE };

    /// Positions with these periods.
    ///
    /// # Errors
    /// [`BackboneError::Config`] when a period is not a positive number: an angle would not be finite.
    pub(crate) fn new(periods: Vec<f32>) -> Result<Self, BackboneError> {
        match periods.iter().find(|p| !(p.is_finite() && **p > 0.0)) {
            Some(bad) => Err(BackboneError::Config {
                field: "rope_embed.periods",
                found: bad.to_string(),
                expected: "positive numbers".into(),
            }),
            None => Ok(Self { periods }),
        }
    }

    /// Cosines and sines for a patch grid `[rows, columns]`.
    pub fn on_grid<B: Backend>(&self, grid: [usize; 2], device: &B::Device) -> Rotary<B> {
        let [rows, columns] = grid;
        let mut angles = Vec::with_capacity(rows * columns * 4 * self.periods.len());
        // In single precision and in this order of operations, like the published code.
        let place = |at: usize, count: usize| 2.0 * ((at as f32 + 0.5) / count as f32) - 1.0;
        for y in 0..rows {
            for x in 0..columns {
                let turns = [place(y, rows), place(x, columns)];
                let half: Vec<f32> = turns
                    .into_iter()
                    .flat_map(|at| {
                        self.periods
                            .iter()
                            .map(move |period| std::f32::consts::TAU * at / period)
                    })
                    .collect();
                angles.extend_from_slice(&half);
                angles.extend_from_slice(&half);
            }
        }
        let shape = [rows * columns, 4 * self.periods.len()];
        let table = |of: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|a| of(f64::from(*a)) as f32).collect();
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Rotary {
            cos: table(f64::cos),
            sin: table(f64::sin),
        }
    }
}

/// The rotation of one forward pass: constants, computed for the grid of its images.
#[derive(Module, Debug)]
pub struct Rotary<B: Backend> {
    /// `[patches, head_dim]`.
    pub cos: Tensor<B, 2>,
    /// `[patches, head_dim]`.
    pub sin: Tensor<B, 2>,
}

impl<B: Backend> Rotary<B> {
    /// The same rotation for queries and keys of this type.
    pub(crate) fn cast(self, dtype: DType) -> Self {
        Self {
            cos: self.cos.cast(dtype),
            sin: self.sin.cast(dtype),
        }
    }

    /// Turns queries and keys of the patches, the last tokens of the sequence; tokens in front of them and values stay.
    ///
    /// # Shapes
    /// - `qkv`: `[batch, tokens, 3 dim]`, the output of the fused map
    /// - result: the same
    ///
    /// # Panics
    /// When there are fewer tokens than patches.
    pub fn rotate(&self, qkv: Tensor<B, 3>, heads: usize) -> Tensor<B, 3> {
        let [batch, tokens, width] = qkv.dims();
        let [patches, channels] = self.cos.dims();
        assert!(
            tokens >= patches,
            "{tokens} tokens cannot be turned as {patches} patches"
        );
        let (dim, prefix) = (width / 3, tokens - patches);
        let rows = qkv.clone().narrow(1, prefix, patches);
        let turned =
            rows.clone()
                .narrow(2, 0, 2 * dim)
                .reshape([batch, patches, 2 * heads, channels]);
        let half = channels / 2;
        let first = turned.clone().narrow(3, 0, half);
        let second = turned.clone().narrow(3, half, half);
        let across = Tensor::cat(vec![second.neg(), first], 3);
        let table = |table: &Tensor<B, 2>| table.clone().reshape([1, patches, 1, channels]);
        let turned = turned * table(&self.cos) + across * table(&self.sin);
        let turned = turned.reshape([batch, patches, 2 * dim]);
        let rows = Tensor::cat(vec![turned, rows.narrow(2, 2 * dim, dim)], 2);
        if prefix == 0 {
            return rows;
        }
        Tensor::cat(vec![qkv.narrow(1, 0, prefix), rows], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_flex::Flex;

    /// Scores of rotated queries and keys depend on the distance of patches, values and prefix tokens stay.
    #[test]
    fn equal_tokens_see_distances_only() {
        let positions = RotaryPositions::new(vec![1.0, 10.0]).unwrap();
        let device = Default::default();
        let rotary: Rotary<Flex> = positions.on_grid([1, 4], &device);
        let token: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
        let qkv =
            Tensor::<Flex, 1>::from_floats(token.repeat(5).as_slice(), &device).reshape([1, 5, 24]);
        let found = rotary.rotate(qkv.clone(), 1);
        let row = |t: &Tensor<Flex, 3>, at: usize, part: usize| -> Vec<f32> {
            let row = t.clone().narrow(1, at, 1).narrow(2, 8 * part, 8);
            row.into_data().iter::<f32>().collect()
        };
        assert_eq!(row(&found, 0, 0), row(&qkv, 0, 0));
        assert_eq!(row(&found, 3, 2), row(&qkv, 3, 2));
        let score = |query: usize, key: usize| -> f32 {
            let (q, k) = (row(&found, query, 0), row(&found, key, 1));
            q.iter().zip(k).map(|(q, k)| q * k).sum()
        };
        assert!((score(1, 2) - score(3, 4)).abs() < 1e-5);
        assert!((score(1, 2) - score(2, 1)).abs() > 1e-3);
    }

    #[test]
    fn periods_that_divide_by_zero_are_refused() {
        for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(RotaryPositions::new(vec![1.0, bad]).is_err());
        }
    }
}
