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

/// What stands between the name of a band and its date, counted from 0, where an image has several.
const DATE: char = '@';

/// What the channels from `first` on are. Bands that are there on several dates (`B02@0`, `B02@1`, ...), each date with the same bands in the
/// same order, are one set over which the pixels of a patch are pooled. Bands without a wavelength (radar, elevation) are described as no reflectances: they are
/// read themselves and enter no index.
pub(crate) fn spectrum_of(channels: &BandSet, first: usize) -> Spectrum {
    let bands = channels.as_slice().get(first..).unwrap_or_default();
    let names: Vec<&str> = bands
        .iter()
        .map(|band| band.name.strip_suffix(SPECTRUM).unwrap_or(&band.name))
        .collect();
    let dated = dates(&names);
    let dates = dated.unwrap_or(1);
    let stride = bands.len() / dates;
    let described = names.iter().zip(bands).take(stride).enumerate();
    let mut spectrum = Spectrum::new(
        described
            .map(|(place, (name, band))| {
                let name = match dated {
                    None => name,
                    Some(_) => name.split(DATE).next().unwrap_or(name),
                };
                let channel = first + place;
                SpectralBand {
                    nodata: Some(f64::from(NO_DATA)),
                    ..match band.wavelength_nm {
                        Some(nm) => SpectralBand::optical(name, channel, f64::from(nm)),
                        None => SpectralBand::other(name, channel),
                    }
                }
            })
            .collect(),
    );
    if dates > 1 {
        spectrum.dates = dates;
        spectrum.date_stride = stride;
    }
    spectrum
}

/// Number of dates on which all bands are there, if every name has a date, and all dates have the same bands in the same order.
fn dates(names: &[&str]) -> Option<usize> {
    let split: Option<Vec<(&str, &str)>> = names.iter().map(|n| n.split_once(DATE)).collect();
    let split = split.filter(|split| !split.is_empty())?;
    let per_date = split
        .iter()
        .take_while(|(_, date)| *date == split[0].1)
        .count();
    let same = split.len() % per_date == 0
        && split.chunks_exact(per_date).all(|of_date| {
            let bands_agree = of_date.iter().zip(&split).all(|(a, b)| a.0 == b.0);
            bands_agree && of_date.iter().all(|(_, date)| *date == of_date[0].1)
        });
    same.then_some(split.len() / per_date)
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
        Band, BandStatistics, Cached, InputUnit, LabelTable, StatisticsSource, SyntheticConfig,
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
    fn bands_on_several_dates_are_one_set() {
        let set = |names: &[&str]| {
            let bands = names.iter().map(|n| Band::optical(n, "x", 800.0, 10.0));
            BandSet::new(bands.collect()).unwrap()
        };
        let stacked = spectrum_of(&set(&["a@0", "b@0", "a@1", "b@1", "a@7", "b@7"]), 0);
        assert_eq!((stacked.dates, stacked.date_stride), (3, 2));
        let names: Vec<&str> = stacked.bands.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let behind = spectrum_of(&set(&["x", "a@0 spectrum", "a@1 spectrum"]), 1);
        assert_eq!((behind.dates, behind.date_stride), (2, 1));
        assert_eq!(behind.bands[0].channel, 1);
        let single = spectrum_of(&set(&["a@2", "b@2"]), 0);
        assert_eq!((single.dates, single.bands[1].name.as_str()), (1, "b"));
        for other in [
            &["a@0", "b@0", "b@1", "a@1"][..],
            &["a@0", "b@0", "a@1"],
            &["a", "b@0"],
        ] {
            let single = spectrum_of(&set(other), 0);
            assert_eq!((single.dates, single.bands.len()), (1, other.len()));
        }
        stacked.validate().unwrap();
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
