//! The numbers of an image's patches summarised over the image: what the spectra say without any backbone. As features of a head
//! beside those of a frozen backbone they are the control that any claim about the adapter has to be compared with.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::error::DeflectError;
use crate::pixel_set::PixelSet;
use crate::standardise::{Standardisation, Standardise};

/// Mean and standard deviation over the patches of an image, of the numbers that the adapter would read.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageStatistics {
    pixel_set: PixelSet,
    standardisation: Standardisation,
    clip: f64,
}

impl ImageStatistics {
    /// Statistics with a fitted standardisation; standardised numbers are cut at plus and minus `clip`.
    ///
    /// # Errors
    /// [`DeflectError::Standardisation`] when it is not that of the pixel set.
    pub fn new(
        pixel_set: PixelSet,
        standardisation: Standardisation,
        clip: f64,
    ) -> Result<Self, DeflectError> {
        standardisation.check(&pixel_set)?;
        Ok(Self {
            pixel_set,
            standardisation,
            clip,
        })
    }

    /// What the numbers of a patch are standardised with.
    pub fn standardisation(&self) -> &Standardisation {
        &self.standardisation
    }

    /// How many numbers describe an image: twice those of a patch.
    pub fn len(&self) -> usize {
        2 * self.pixel_set.len()
    }

    /// Never: a pixel set without features is refused.
    pub fn is_empty(&self) -> bool {
        self.pixel_set.is_empty()
    }

    /// The standardised numbers of every patch, for heads that read maps.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`
    /// - result: `[batch, patches, numbers]`, patches row by row
    ///
    /// # Panics
    /// When the image does not fit; [`PixelSet::check_image`] gives the error beforehand.
    pub fn patches<B: Backend>(&self, image: Tensor<B, 4>) -> Tensor<B, 3> {
        let standardise =
            Standardise::new(self.standardisation.clone(), self.clip, &image.device());
        standardise.forward(&self.pixel_set.pool(image))
    }

    /// The numbers of every image: the means of all numbers over the patches, then their standard deviations (divided by the
    /// number of patches). A number that is unknown for a patch counts as the training mean, 0.
    ///
    /// # Shapes
    /// - `image`: `[batch, channels, height, width]`
    /// - result: `[batch, 2 numbers]`
    ///
    /// # Panics
    /// When the image does not fit; [`PixelSet::check_image`] gives the error beforehand.
    pub fn forward<B: Backend>(&self, image: Tensor<B, 4>) -> Tensor<B, 2> {
        let numbers = self.patches(image);
        let mean = numbers.clone().mean_dim(1);
        let variance = (numbers - mean.clone()).powi_scalar(2).mean_dim(1);
        Tensor::cat(
            vec![
                mean.squeeze_dim::<2>(1),
                variance.sqrt().squeeze_dim::<2>(1),
            ],
            1,
        )
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use burn_flex::Flex;

    use super::*;
    use crate::config::{BandChoice, IndexChoice, PixelSetConfig, Statistic};
    use crate::spectrum::{SpectralBand, Spectrum};

    #[test]
    fn patches_are_summarised_by_mean_and_deviation() {
        let spectrum = Spectrum::new(vec![SpectralBand::optical("n", 1, 833.0)]);
        let config = PixelSetConfig {
            bands: BandChoice::All,
            indices: IndexChoice::None,
            statistics: vec![Statistic::Mean],
            ..PixelSetConfig::default()
        };
        let pixel_set = PixelSet::new(&spectrum, &config, 1).unwrap();
        // Two images of two patches of one pixel; channel 0 is not looked at.
        let data = TensorData::new(
            vec![9f32, 9.0, 1.0, 3.0, 9.0, 9.0, 5.0, f32::NAN],
            [2, 2, 1, 2],
        );
        let image = Tensor::<Flex, 4>::from_data(data, &Default::default());
        let fitted = Standardisation::fit(&pixel_set, [image.clone()]).unwrap();
        assert_eq!(fitted.mean, [3.0]);
        let statistics = ImageStatistics::new(pixel_set.clone(), fitted.clone(), 5.0).unwrap();
        assert_eq!(statistics.len(), 2);
        let found: Vec<f32> = statistics
            .forward(image.clone())
            .into_data()
            .iter()
            .collect();
        // Standardised: (-a, 0) and (a, unknown) with a = 2 / sqrt(8/3).
        let a = 2.0 / (8f32 / 3.0).sqrt();
        let expected = [-a / 2.0, a / 2.0, a / 2.0, a / 2.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let clipped = ImageStatistics::new(pixel_set, fitted, 0.5).unwrap();
        let found: Vec<f32> = clipped.forward(image).into_data().iter().collect();
        assert_eq!(found, [-0.25, 0.25, 0.25, 0.25]);
    }

    #[test]
    fn statistics_of_another_pixel_set_are_refused() {
        let set = |name: &str| {
            let spectrum = Spectrum::new(vec![SpectralBand::optical(name, 0, 833.0)]);
            let config = PixelSetConfig {
                indices: IndexChoice::None,
                ..PixelSetConfig::default()
            };
            PixelSet::new(&spectrum, &config, 1).unwrap()
        };
        let image = Tensor::<Flex, 4>::ones([1, 1, 1, 2], &Default::default());
        let fitted = Standardisation::fit(&set("a"), [image]).unwrap();
        assert!(ImageStatistics::new(set("b"), fitted, 5.0).is_err());
    }
}
