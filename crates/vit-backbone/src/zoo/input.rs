//! What a model expects of its input.

use serde::Serialize;

/// What one number of the input means before normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputUnit {
    /// Eight-bit values divided by 255, from 0 to 1.
    UnitRange,
    /// Eight-bit values from 0 to 255.
    Byte,
    /// Surface or top-of-atmosphere reflectance times 10,000, as products store it in integers.
    ReflectanceTimes10000,
}

/// The normalisation that belongs to the weights, one mean and one standard deviation per channel in [`InputUnit`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// `(x - mean) / std`.
    MeanStd {
        /// Means by channel.
        mean: &'static [f64],
        /// Standard deviations by channel.
        std: &'static [f64],
    },
    /// `x` from `mean - 2 std` to `mean + 2 std` stretched to 0 to 255, clipped, cut to an integer and divided by 255: the
    /// `SentinelNormalize` and `ToTensor` of SatMAE (`util/datasets.py`).
    TwoSigma {
        /// Means by channel.
        mean: &'static [f64],
        /// Standard deviations by channel.
        std: &'static [f64],
    },
}

impl Normalisation {
    /// Number of channels it is made for.
    pub fn channels(&self) -> usize {
        match self {
            Self::MeanStd { mean, .. } | Self::TwoSigma { mean, .. } => mean.len(),
        }
    }

    /// The model's input for a value of a channel; `None` for a channel it is not made for.
    pub fn apply(&self, channel: usize, value: f64) -> Option<f64> {
        let of = |mean: &[f64], std: &[f64]| Some((*mean.get(channel)?, *std.get(channel)?));
        match self {
            Self::MeanStd { mean, std } => of(mean, std).map(|(mean, std)| (value - mean) / std),
            Self::TwoSigma { mean, std } => of(mean, std).map(|(mean, std)| {
                let byte = (value - (mean - 2.0 * std)) / (4.0 * std) * 255.0;
                byte.clamp(0.0, 255.0).trunc() / 255.0
            }),
        }
    }
}

/// Mean and standard deviation of ImageNet, as torchvision and timm state them.
pub(super) const IMAGENET: Normalisation = Normalisation::MeanStd {
    mean: &[0.485, 0.456, 0.406],
    std: &[0.229, 0.224, 0.225],
};

/// From -1 to 1 (timm's `IMAGENET_INCEPTION_MEAN`).
pub(super) const SYMMETRIC: Normalisation = Normalisation::MeanStd {
    mean: &[0.5, 0.5, 0.5],
    std: &[0.5, 0.5, 0.5],
};

/// Channels of a photograph in their usual order.
pub(super) const RGB: &[&str] = &["red", "green", "blue"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalisations_compute_what_they_say() {
        assert_eq!(IMAGENET.apply(0, 0.485), Some(0.0));
        assert_eq!(IMAGENET.apply(3, 0.0), None);
        let stretch = Normalisation::TwoSigma {
            mean: &[1000.0],
            std: &[250.0],
        };
        assert_eq!(stretch.apply(0, 1000.0), Some(127.0 / 255.0));
        assert_eq!(stretch.apply(0, 9000.0), Some(1.0));
        assert_eq!(stretch.apply(0, -9000.0), Some(0.0));
        assert_eq!(stretch.channels(), 1);
    }
}
