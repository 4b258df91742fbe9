//! Separable resampling filters: which source pixels make a result pixel, and with what weights.

use serde::{Deserialize, Serialize};

/// How values between pixels are found. Pixel centres lie at half-integers in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The value of the nearest pixel (PyTorch's `nearest-exact`).
    Nearest,
    /// Triangle filter, widened when shrinking (antialias).
    Bilinear,
    /// Cubic convolution with a = -1/2 (Keys 1981), widened when shrinking (antialias). May overshoot.
    Bicubic,
}

impl Interpolation {
    /// Radius of the filter in source pixels when not shrinking, and the filter.
    fn kernel(self) -> (f64, fn(f64) -> f64) {
        match self {
            // Nearest is not resampled by weights; a box of radius 1/2 is what it amounts to without shrinking.
            Self::Nearest => (0.5, |_| 1.0),
            Self::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
            Self::Bicubic => (2.0, cubic),
        }
    }
}

/// Keys' cubic with a = -1/2.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The source pixels of one result pixel along one axis: `start..start + weights.len()`, weights summing to 1.
pub(super) struct Taps {
    /// First source pixel.
    pub(super) start: usize,
    /// Weights of the pixels from there on.
    pub(super) weights: Vec<f32>,
}

/// Taps of each of `output` result pixels along an axis of `input` source pixels.
///
/// As Pillow and PyTorch (`antialias=True`) define them: with scale = input / output, the filter is centred at scale * (i + 1/2),
/// stretched by max(scale, 1), cut off at the border and normalised.
pub(super) fn taps(input: usize, output: usize, interpolation: Interpolation) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    if interpolation == Interpolation::Nearest {
        // Whole numbers: floor((i + 1/2) * input / output).
        let at = |i: usize| ((2 * i + 1) * input / (2 * output)).min(input - 1);
        return (0..output)
            .map(|i| Taps {
                start: at(i),
                weights: vec![1.0],
            })
            .collect();
    }
    let (radius, filter) = interpolation.kernel();
    let stretch = scale.max(1.0);
    let support = radius * stretch;
    (0..output)
        .map(|i| {
            let center = scale * (i as f64 + 0.5);
            // Truncation, not floor, as there; both give 0 for what lies left of the border.
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize)
                .min(input)
                .max(start + 1);
            let raw: Vec<f64> = (start..end)
                .map(|at| filter((at as f64 - center + 0.5) / stretch))
                .collect();
            let sum: f64 = raw.iter().sum();
            Taps {
                start,
                weights: raw.iter().map(|weight| (weight / sum) as f32).collect(),
            }
        })
        .collect()
}
