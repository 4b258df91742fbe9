//! The numbers of patches computed on the host, patch by patch, for backends whose tensors lie there: the pixels of a patch
//! stay in the cache, where the composed operations pass over whole images dozens of times.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::PixelSet;
use crate::arithmetic::{LARGEST, Pixels};
use crate::bands::Role;
use crate::config::Statistic;
use crate::features::Source;

/// One number for each pixel of a patch.
#[derive(Debug, Clone)]
struct Lanes(Vec<f32>);

impl Lanes {
    fn each(mut self, change: impl Fn(f32) -> f32) -> Self {
        self.0.iter_mut().for_each(|value| *value = change(*value));
        self
    }

    fn with(mut self, other: Self, join: impl Fn(f32, f32) -> f32) -> Self {
        let pairs = self.0.iter_mut().zip(other.0);
        pairs.for_each(|(value, other)| *value = join(*value, other));
        self
    }

    fn test(&self, holds: impl Fn(f32) -> bool) -> Vec<bool> {
        self.0.iter().map(|value| holds(*value)).collect()
    }
}

impl Pixels for Lanes {
    type Mask = Vec<bool>;

    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    fn add_constant(self, constant: f64) -> Self {
        self.each(|value| value + constant as f32)
    }

    fn multiply(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }

    fn scale(self, constant: f64) -> Self {
        self.each(|value| value * constant as f32)
    }

    fn reciprocal(self) -> Self {
        self.each(|value| 1.0 / value)
    }

    fn power(self, exponent: f64) -> Self {
        if exponent == 0.5 {
            self.each(f32::sqrt)
        } else {
            self.each(|value| value.powf(exponent as f32))
        }
    }

    fn size_within(&self, low: f64, high: f64) -> Vec<bool> {
        self.test(|value| (low as f32..=high as f32).contains(&value.abs()))
    }

    fn is_not_negative(&self) -> Vec<bool> {
        self.test(|value| value >= 0.0)
    }

    fn both(mut left: Vec<bool>, right: Vec<bool>) -> Vec<bool> {
        left.iter_mut().zip(right).for_each(|(l, r)| *l &= r);
        left
    }

    fn where_or(mut self, mask: Vec<bool>, other: f64) -> Self {
        for (value, keep) in self.0.iter_mut().zip(mask) {
            *value = if keep { *value } else { other as f32 };
        }
        self
    }
}

/// Values and knowledge of every number, `[batch, patches, numbers]` each, of an image `[batch, channels, height, width]`.
pub(super) fn pool(set: &PixelSet, image: &[f32], shape: [usize; 4]) -> [Vec<f32>; 2] {
    let [batch, channels, height, width] = shape;
    let p = set.patch_size;
    let (rows, columns) = (height / p, width / p);
    let numbers = set.len();
    let total = batch * rows * columns * numbers;
    let (mut values, mut known) = (vec![0.0; total], vec![0.0; total]);
    let roles = set.spectrum.roles().unwrap_or_default();
    values
        .par_chunks_mut(numbers)
        .zip(known.par_chunks_mut(numbers))
        .enumerate()
        .for_each(|(patch, (values, known))| {
            let (sample, place) = (patch / (rows * columns), patch % (rows * columns));
            let planes = &image[sample * channels * height * width..];
            let corner = place / columns * p * width + place % columns * p;
            let inside = |position: usize| corner + position / p * width + position % p;
            let places: Vec<usize> = match &set.sample {
                Some(sample) => sample.iter().map(|position| inside(*position)).collect(),
                None => (0..p * p).map(inside).collect(),
            };
            let patch = Patch {
                set,
                planes,
                plane: height * width,
                places,
            };
            patch.numbers(&roles, values, known);
        });
    [values, known]
}

/// Where the pixels of one patch lie.
struct Patch<'a> {
    set: &'a PixelSet,
    /// The planes of its image.
    planes: &'a [f32],
    /// Numbers of a plane.
    plane: usize,
    /// Positions inside a plane.
    places: Vec<usize>,
}

impl Patch<'_> {
    /// The tensor values of a channel on all dates.
    fn raw(&self, channel: usize) -> Lanes {
        let spectrum = &self.set.spectrum;
        let start = |date| (channel + date * spectrum.date_stride) * self.plane;
        let places = &self.places;
        let all = (0..spectrum.dates).flat_map(|date| {
            places
                .iter()
                .map(move |place| self.planes[start(date) + place])
        });
        Lanes(all.collect())
    }

    /// Physical values of a band, 0 where invalid, and where they are valid.
    fn band(&self, band: usize, mask: Option<&Lanes>) -> (Lanes, Vec<bool>) {
        let band = &self.set.spectrum.bands[band];
        let raw = self.raw(band.channel);
        let mut valid = raw.size_within(0.0, LARGEST);
        if let Some(nodata) = band.nodata.filter(|value| !value.is_nan()) {
            let (nodata, near) = (nodata as f32, (1e-6 * nodata.abs()) as f32);
            valid = Lanes::both(valid, raw.test(|value| (value - nodata).abs() > near));
        }
        if let Some(mask) = mask {
            valid = Lanes::both(valid, mask.test(|value| value > 0.5));
        }
        let physical = raw.where_or(valid.clone(), 0.0);
        let physical = physical.scale(band.scale).add_constant(band.offset);
        valid = Lanes::both(valid, physical.size_within(0.0, LARGEST));
        (physical.where_or(valid.clone(), 0.0), valid)
    }

    fn numbers(&self, roles: &BTreeMap<Role, usize>, values: &mut [f32], known: &mut [f32]) {
        let set = self.set;
        let mask = set.spectrum.mask_channel.map(|channel| self.raw(channel));
        let bands: Vec<_> = set
            .needed
            .iter()
            .map(|band| self.band(*band, mask.as_ref()))
            .collect();
        // Every needed band is among them: `needed` was collected from the features.
        let place = |band: usize| set.needed.binary_search(&band).unwrap_or(0);
        let of_role = |role| {
            bands[roles.get(&role).map_or(0, |band| place(*band))]
                .0
                .clone()
        };
        let wavelength = |role| set.wavelength(roles, role);
        let slots = values.chunks_mut(set.statistics.len());
        let slots = slots.zip(known.chunks_mut(set.statistics.len()));
        for (feature, (values, known)) in set.features.iter().zip(slots) {
            let numbers = match &feature.source {
                Source::Band(band) => bands[place(*band)].0.clone(),
                Source::Index(formula) => {
                    let limit = set.index_limit as f32;
                    let index = formula.evaluate(&of_role, &wavelength);
                    index.each(|value| value.clamp(-limit, limit))
                }
            };
            let valid = feature
                .needs
                .iter()
                .map(|band| bands[place(*band)].1.clone());
            let valid = valid.reduce(Lanes::both).unwrap_or_default();
            let pairs = numbers.0.into_iter().zip(valid);
            let kept: Vec<f32> = pairs.filter(|(_, valid)| *valid).map(|(n, _)| n).collect();
            if !kept.is_empty() {
                summarise(kept, &set.statistics, values);
                known.fill(1.0);
            }
        }
    }
}

/// The statistics of at least one number.
fn summarise(mut numbers: Vec<f32>, statistics: &[Statistic], results: &mut [f32]) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    if statistics
        .iter()
        .any(|s| matches!(s, Statistic::Quantile(_)))
    {
        numbers.sort_unstable_by(f32::total_cmp);
    }
    for (statistic, result) in statistics.iter().zip(results) {
        *result = match statistic {
            Statistic::Mean => mean as f32,
            Statistic::Std => {
                let squares = numbers.iter().map(|v| (f64::from(*v) - mean).powi(2));
                (squares.sum::<f64>() / count).sqrt() as f32
            }
            Statistic::Min => numbers.iter().copied().fold(f32::INFINITY, f32::min),
            Statistic::Max => numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            Statistic::Quantile(percent) => {
                let place = percent / 100.0 * (count - 1.0);
                let low = place.floor() as usize;
                let high = (low + 1).min(numbers.len() - 1);
                let (below, above) = (f64::from(numbers[low]), f64::from(numbers[high]));
                (below + (above - below) * (place - low as f64)) as f32
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Tensor, TensorData};
    use burn_flex::Flex;
    use proptest::prelude::*;

    use crate::config::{BandChoice, IndexChoice, PixelSetConfig, Statistic};
    use crate::pixel_set::{PixelSet, Pooled};
    use crate::spectrum::{SpectralBand, Spectrum};

    const SHAPE: [usize; 4] = [2, 30, 4, 8];

    fn set(sample: f64) -> PixelSet {
        let centres = [
            443.0, 492.0, 560.0, 665.0, 704.0, 740.0, 783.0, 833.0, 865.0, 945.0, 1614.0, 2202.0,
            11_450.0,
        ];
        let bands = centres.iter().enumerate();
        let bands = bands.map(|(c, nm)| SpectralBand::optical(&format!("{nm}"), 2 + c, *nm));
        let mut spectrum = Spectrum::new(bands.collect());
        (spectrum.dates, spectrum.date_stride) = (2, 14);
        spectrum.mask_channel = Some(15);
        (spectrum.bands[3].scale, spectrum.bands[3].offset) = (2.0, -0.1);
        spectrum.bands[7].nodata = Some(0.25);
        let config = PixelSetConfig {
            bands: BandChoice::All,
            indices: IndexChoice::All,
            statistics: vec![
                Statistic::Mean,
                Statistic::Std,
                Statistic::Min,
                Statistic::Max,
                Statistic::Quantile(0.0),
                Statistic::Quantile(37.5),
                Statistic::Quantile(100.0),
            ],
            sample,
            ..PixelSetConfig::default()
        };
        PixelSet::new(&spectrum, &config, 4).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Both ways to the numbers of a patch agree.
        #[test]
        fn the_host_and_the_composed_operations_agree(
            values in prop::collection::vec(prop_oneof![
                20 => 0.02f32..1.0,
                1 => Just(0.25f32),
                1 => Just(f32::NAN),
                1 => Just(f32::NEG_INFINITY),
                1 => Just(2e16f32),
            ], SHAPE.iter().product::<usize>()),
            sample in prop_oneof![Just(1.0), Just(0.4)],
        ) {
            let set = set(sample);
            let image = Tensor::<Flex, 4>::from_data(TensorData::new(values, SHAPE), &Default::default());
            let host = |pooled: Pooled<Flex>| {
                [pooled.values, pooled.known].map(|t| t.into_data().iter::<f32>().collect::<Vec<_>>())
            };
            let [found, found_known] = host(set.pool_on_host(image.clone()));
            let [expected, expected_known] = host(set.pool_composed(image));
            prop_assert_eq!(found_known, expected_known);
            let names = set.names();
            for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let name = &names[place % names.len()];
                prop_assert!(
                    (found - expected).abs() <= 2e-5 * (1.0 + expected.abs()),
                    "{name}: {found} {expected}"
                );
            }
        }
    }
}
