//! DEFLECT and its control in a run: the description of the bands, and statistics of the training images.

use burn::tensor::backend::Backend;
use deflect::{ImageStatistics, PixelSet, PixelSetConfig, SpectralBand, Spectrum, Standardisation};
use rs_datasets::{BandSet, image_tensor};

use super::RunError;
use super::batches::loader;
use super::seed::Samples;
use super::view::{NO_DATA, SPECTRUM};
use crate::experiment::InputConfig;

/// Images per batch while statistics are fitted.
const FIT_BATCH: usize = 64;

/// What the channels behind the backbone's are.
pub(crate) fn spectrum(samples: &Samples, input: &InputConfig) -> Spectrum {
    spectrum_of(samples.all.bands(), input.bands.len())
}

/// What the channels from `first` on are. Bands without a wavelength (radar, elevation) are described as no reflectances: they are
/// read themselves and enter no index.
pub(crate) fn spectrum_of(channels: &BandSet, first: usize) -> Spectrum {
    let described = channels.as_slice().iter().enumerate().skip(first);
    Spectrum::new(
        described
            .map(|(channel, band)| {
                let name = band.name.strip_suffix(SPECTRUM).unwrap_or(&band.name);
                SpectralBand {
                    nodata: Some(f64::from(NO_DATA)),
                    ..match band.wavelength_nm {
                        Some(nm) => SpectralBand::optical(name, channel, f64::from(nm)),
                        None => SpectralBand::other(name, channel),
                    }
                }
            })
            .collect(),
    )
}

/// Statistics of a pixel set over the training images, none of the test images among them.
pub(crate) fn fit<B: Backend>(
    samples: &Samples,
    pixel_set: &PixelSet,
    device: &B::Device,
) -> Result<Standardisation, RunError> {
    // Turning an image moves its pixels from patch to patch, or within one, and changes no statistic: not augmented.
    let batches = loader(samples, samples.train_indices(), FIT_BATCH, false, None)?.epoch(0);
    let mut failed = None;
    let images = batches.map_while(|batch| match batch {
        Ok(batch) => Some(image_tensor::<B>(&batch, device)),
        Err(error) => {
            failed = Some(error);
            None
        }
    });
    let fitted = Standardisation::fit(pixel_set, images);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(fitted?),
    }
}

/// The control: what the same spectra say about whole images.
pub(crate) fn image_statistics<B: Backend>(
    samples: &Samples,
    input: &InputConfig,
    pixels: &PixelSetConfig,
    patch_size: usize,
    device: &B::Device,
) -> Result<ImageStatistics, RunError> {
    let pixel_set = PixelSet::new(&spectrum(samples, input), pixels, patch_size)?;
    pixel_set.check_image([1, samples.all.bands().len(), input.size, input.size])?;
    let fitted = fit::<B>(samples, &pixel_set, device)?;
    Ok(ImageStatistics::new(pixel_set, fitted, pixels.clip)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn_flex::Flex;
    use deflect::IndexChoice;
    use rs_datasets::{
        BandStatistics, Cached, InputUnit, LabelTable, StatisticsSource, SyntheticConfig,
        SyntheticScenes, stratified,
    };

    use super::*;
    use crate::experiment::{Normalisation, Rendering};
    use crate::run::View;

    fn input() -> InputConfig {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        InputConfig {
            bands: names(&["B04", "B03", "B02"]),
            known: 3,
            spectral: names(&["B08", "B04", "B11"]),
            patch_embed: vit_backbone::PatchEmbedInit::Select,
            rendering: Rendering::Uint8,
            normalise: Normalisation::Weights,
            size: 64,
        }
    }

    /// Samples of synthetic scenes: `train` of them for training, and the test image `test`.
    fn samples(train: &[usize], test: usize) -> Samples {
        let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(2, 1)).unwrap();
        let table = LabelTable::of(&scenes).unwrap();
        let split = stratified(&table, "test", &[("train", 0.5), ("test", 0.5)], 0).unwrap();
        let weights = BandStatistics {
            bands: input().bands,
            mean: vec![100.0; 3],
            std: vec![50.0; 3],
            unit: InputUnit::Uint8,
            source: StatisticsSource::Weights {
                name: "test".into(),
            },
            percentiles: None,
        };
        let view = View::new(Arc::new(scenes), &input(), &split, &weights).unwrap();
        let wanted: Vec<usize> = train.iter().copied().chain([test]).collect();
        Samples {
            all: Arc::new(Cached::subset(&view, &wanted, 1 << 30).unwrap()),
            train: train.len(),
        }
    }

    #[test]
    fn spectra_are_reflectances_behind_the_channels_of_the_backbone() {
        let samples = samples(&[0], 1);
        let spectrum = spectrum(&samples, &input());
        let bands: Vec<_> = spectrum
            .bands
            .iter()
            .map(|b| (b.name.as_str(), b.channel))
            .collect();
        assert_eq!(bands, [("B08", 3), ("B04", 4), ("B11", 5)]);
        assert_eq!(
            spectrum.bands[0].wavelength_nm.map(|nm| nm.round()),
            Some(833.0)
        );
        let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(2, 1)).unwrap();
        let raw = rs_datasets::Dataset::load(&scenes, 0).unwrap().image;
        let seen = samples.all.load(0).unwrap().image;
        assert_eq!(seen.bands.len(), 6);
        let near = raw.band(raw.bands.index_of("B08").unwrap());
        for (reflectance, number) in seen.band(3).iter().zip(near) {
            assert!((reflectance - 1e-4 * number).abs() < 1e-6);
        }
    }

    #[test]
    fn statistics_know_the_training_images_only() {
        let fitted = |train: &[usize], test: usize| {
            let samples = samples(train, test);
            let spectrum = spectrum(&samples, &input());
            let pixels = PixelSetConfig {
                indices: IndexChoice::Named(vec!["NDVI".into(), "NDMI".into()]),
                ..PixelSetConfig::default()
            };
            let pixel_set = PixelSet::new(&spectrum, &pixels, 8).unwrap();
            fit::<Flex>(&samples, &pixel_set, &Default::default()).unwrap()
        };
        assert_eq!(fitted(&[0, 3, 5], 9), fitted(&[0, 3, 5], 12));
        assert_ne!(fitted(&[0, 3, 5], 9), fitted(&[0, 3, 9], 12));
    }
}
