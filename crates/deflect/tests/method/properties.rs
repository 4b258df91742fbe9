//! What holds for every image: order of pixels, invalid pixels, norms.

use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use deflect::{
    BandChoice, BlockChoice, Constraint, Deflect, DeflectConfig, DeflectionConfig, IndexChoice,
    NormMatch, PixelSet, SpectralBand, Spectrum, Statistic, norm_gap,
};
use proptest::prelude::*;
use testkit::FlexBackend;
use testkit::behaviour::perturbed;
use vit_backbone::{PositionKind, Seam, Vit, VitConfig};

use crate::reference;
use crate::support::{SHAPE, adapter, config, image, small_vit, spectrum, values};

const STATISTICS: [Statistic; 6] = [
    Statistic::Mean,
    Statistic::Std,
    Statistic::Min,
    Statistic::Max,
    Statistic::Quantile(25.0),
    Statistic::Quantile(90.0),
];

fn every_statistic() -> DeflectConfig {
    let mut config = config();
    config.pixels.statistics = STATISTICS.to_vec();
    config
}

fn pool(config: &DeflectConfig, numbers: Vec<f32>, shape: [usize; 4]) -> (Vec<f64>, Vec<f64>) {
    let set = config.pixel_set(&small_vit()).unwrap();
    let pooled = set.pool(image::<Flex>(numbers, shape));
    let host = |tensor: Tensor<Flex, 3>| tensor.into_data().iter::<f64>().collect();
    (host(pooled.values), host(pooled.known))
}

fn norms<B: Backend>(tokens: Tensor<B, 3>) -> Vec<f64> {
    let dim = tokens.dims()[2];
    let data: Vec<f64> = tokens.into_data().iter::<f64>().collect();
    let norm = |token: &[f64]| token.iter().map(|v| v * v).sum::<f64>().sqrt();
    data.chunks(dim).map(norm).collect()
}

fn finite<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> bool {
    tensor.into_data().iter::<f32>().all(f32::is_finite)
}

/// A frozen backbone in which nothing is zero, and a moved adapter.
fn moved<B: Backend>(config: &DeflectConfig, seed: u64) -> (Vit<B>, Deflect<B>) {
    let vit = Vit::init(&small_vit(), seed, &B::Device::default()).unwrap();
    let adapter = adapter::<B>(config, &small_vit(), image(values(1, SHAPE), SHAPE));
    (
        perturbed(vit, seed + 1, 0.3).no_grad(),
        perturbed(adapter, seed + 2, 0.3),
    )
}

/// Pixels that no formula can do anything with.
const BAD: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Permuting the pixels of every patch (all channels alike) changes neither the numbers nor what is added to the tokens.
    #[test]
    fn pixels_have_no_places(
        seed in 0u64..1000,
        order in Just((0..16).collect::<Vec<usize>>()).prop_shuffle(),
        bad in 0usize..5,
    ) {
        let mut original = values(seed, SHAPE);
        // Some pixels are bad, and they move with the others.
        for place in (7..original.len()).step_by(61) {
            if place / 64 % 9 >= 3 {
                original[place] = BAD[bad];
            }
        }
        let mut permuted = original.clone();
        for sample in 0..2 {
            for channel in 0..9 {
                for patch in 0..4 {
                    let places = reference::pixels(&original, SHAPE, [sample, channel], patch);
                    for (to, from) in order.iter().enumerate() {
                        permuted[places[to]] = original[places[*from]];
                    }
                }
            }
        }
        let config = every_statistic();
        let (before, known) = pool(&config, original, SHAPE);
        let (after, known_after) = pool(&config, permuted, SHAPE);
        prop_assert_eq!(known, known_after);
        for (a, b) in before.iter().zip(&after) {
            prop_assert!((a - b).abs() < 2e-6 * (1.0 + a.abs()), "{a} {b}");
        }
    }

    /// Statistics are those of the valid pixels, computed on the host.
    #[test]
    fn statistics_leave_invalid_pixels_out(seed in 0u64..1000, share in 0.0f32..1.0) {
        let mut numbers = values(seed, SHAPE);
        let dice = values(seed + 1, SHAPE);
        for (place, value) in numbers.iter_mut().enumerate() {
            if place / 64 % 9 == 6 && dice[place] < share {
                *value = BAD[place % 5];
            }
        }
        let mut config = every_statistic();
        config.pixels.bands = BandChoice::Named(vec!["nir".into()]);
        config.pixels.indices = IndexChoice::Named(vec!["NDVI".into()]);
        let (found, known) = pool(&config, numbers.clone(), SHAPE);
        for (patch, (found, known)) in found.chunks(12).zip(known.chunks(12)).enumerate() {
            let at = |channel| reference::pixels(&numbers, SHAPE, [patch / 4, channel], patch % 4);
            let pairs = at(6).into_iter().zip(at(5));
            let pairs: Vec<(f64, f64)> = pairs
                .map(|(n, r)| (f64::from(numbers[n]), f64::from(numbers[r])))
                .filter(|(n, _)| n.abs() < 1e15)
                .collect();
            let nir: Vec<f64> = pairs.iter().map(|(n, _)| *n).collect();
            let ndvi: Vec<f64> = pairs.iter().map(|(n, r)| (n - r) / (n + r)).collect();
            let expected = [nir, ndvi].into_iter().flat_map(|values| {
                STATISTICS.map(|s| reference::statistic(s, &values))
            });
            for ((found, expected), known) in found.iter().zip(expected).zip(known) {
                prop_assert_eq!(*known > 0.5, !pairs.is_empty());
                prop_assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }

    /// `||d~|| = ||d_pre||` for every token, from tiny to huge displacements.
    #[test]
    fn the_norm_of_a_displacement_is_the_pretrained_one(
        seed in 0u64..1000,
        own in -6i32..6,
        pretrained in -6i32..6,
    ) {
        let device = Default::default();
        let draw = |seed: u64, power: i32| {
            let drawn: Vec<f32> = values(seed, [1, 2, 5, 8]).iter().map(|v| v * 10f32.powi(power)).collect();
            Tensor::<Flex, 3>::from_data(TensorData::new(drawn, [2, 5, 8]), &device)
        };
        let (d, pre) = (draw(seed, own), draw(seed + 1, pretrained));
        let config = DeflectionConfig::default();
        let factor = config.factor(d.clone(), pre.clone()).unwrap();
        for (found, expected) in norms(d.clone() * factor).iter().zip(norms(pre.clone())) {
            prop_assert!((found / expected - 1.0).abs() < 2e-6, "{found} {expected}");
        }
        // In the mean over the tokens of an image, with that option.
        let config = DeflectionConfig { constraint: Constraint::Mean, ..config };
        let factor = config.factor(d.clone(), pre.clone()).unwrap();
        let (found, expected) = (norms(d * factor), norms(pre));
        for (found, expected) in found.chunks(5).zip(expected.chunks(5)) {
            let (found, expected): (f64, f64) = (found.iter().sum(), expected.iter().sum());
            prop_assert!((found / expected - 1.0).abs() < 2e-6, "{found} {expected}");
        }
    }

    /// Whatever an image holds, tokens and gradients are finite.
    #[test]
    fn no_pixel_makes_a_nan(seed in 0u64..1000, share in 0.0f32..1.0, kind in 0usize..7) {
        let _graph = testkit::lock_autodiff();
        let mut numbers = values(seed, SHAPE);
        let dice = values(seed + 1, SHAPE);
        for (place, value) in numbers.iter_mut().enumerate() {
            if dice[place].abs() < share {
                *value = BAD.get(kind).copied().unwrap_or(if kind == 5 { 0.0 } else { 1e14 });
            }
        }
        let (vit, adapter) = moved::<FlexBackend>(&every_statistic(), seed);
        let (tokens, _) = adapter.forward(&vit, image(numbers, SHAPE));
        prop_assert!(finite(tokens.clone()));
        let gradients = tokens.powi_scalar(2).sum().backward();
        for maps in &adapter.attention {
            for param in maps.down.iter().chain(&maps.up) {
                prop_assert!(finite(param.val().grad(&gradients).unwrap()));
            }
        }
    }
}

#[test]
fn adapted_blocks_of_a_real_pass_keep_the_pretrained_norm() {
    let (vit, adapter) = moved::<Flex>(&config(), 3);
    let (x, mut pass) = vit.embed(image(values(2, SHAPE), SHAPE), &adapter);
    let block = &vit.blocks[0];
    let normed = block.norm1.forward(x);
    let found = adapter.attention(0, &block.attn, normed.clone(), &mut pass.state);
    let expected = ().attention(0, &block.attn, normed, &mut ());
    let difference = (found.clone() - expected.clone()).abs().max().into_scalar();
    assert!(difference > 1e-2, "the block was not adapted: {difference}");
    for (found, expected) in norms(found).iter().zip(norms(expected)) {
        assert!((found / expected - 1.0).abs() < 2e-6, "{found} {expected}");
    }
}

/// Both streams are turned by rotary positions: without spectral maps the adapted model is the frozen one.
#[test]
fn rotary_positions_turn_the_untangled_attention() {
    let rotary = VitConfig {
        positions: PositionKind::Rotary,
        ..small_vit()
    };
    let vit = Vit::<Flex>::init(&rotary, 5, &Default::default()).unwrap();
    let vit = perturbed(vit, 6, 0.3).no_grad();
    let batch = image(values(7, SHAPE), SHAPE);
    let mut config = config();
    config.embedding.inject = 0.0;
    config.attention.reinject = 0.0;
    let fresh = adapter::<Flex>(&config, &rotary, batch.clone());
    let frozen = vit.forward(batch.clone().narrow(1, 0, 3), &());
    let difference = |found: Tensor<Flex, 3>| (found - frozen.clone()).abs().max().into_scalar();
    let start = difference(fresh.forward(&vit, batch.clone()).0);
    assert!(start < 1e-5, "{start}");
    let moved = perturbed(fresh, 8, 0.3);
    let moved = difference(moved.forward(&vit, batch).0);
    assert!(moved > 1e-2, "{moved}");
}

#[test]
fn a_displacement_without_direction_stays_zero_and_has_no_gradient() {
    let _graph = testkit::lock_autodiff();
    let device = Default::default();
    let d = Tensor::<FlexBackend, 3>::zeros([1, 2, 4], &device).require_grad();
    let pre = Tensor::<FlexBackend, 3>::ones([1, 2, 4], &device).require_grad();
    for constraint in [Constraint::PerToken, Constraint::Mean] {
        let config = DeflectionConfig {
            constraint,
            detach_ratio: false,
        };
        let found = d.clone() * config.factor(d.clone(), pre.clone()).unwrap();
        assert_eq!(norms(found.clone()), [0.0, 0.0]);
        let gradients = found.sum().backward();
        assert!(finite(d.grad(&gradients).unwrap()));
    }
    let gap = norm_gap(d.clone(), pre.clone());
    assert!(finite(gap.clone()));
    assert!(finite(d.grad(&gap.backward()).unwrap()));
    // And the other way round: a pretrained displacement of zero makes ours zero.
    let config = DeflectionConfig::default();
    let factor = config.factor(pre.clone(), d).unwrap();
    assert_eq!(
        norms(pre * factor).iter().map(|n| (n * 1e9) as i64).max(),
        Some(0)
    );
}

#[test]
fn a_detached_ratio_is_a_constant_for_the_gradient() {
    let _graph = testkit::lock_autodiff();
    let device = Default::default();
    let tensor = |seed| {
        let drawn = values(seed, [1, 1, 3, 4]);
        Tensor::<FlexBackend, 3>::from_data(TensorData::new(drawn, [1, 3, 4]), &device)
    };
    let (d, pre) = (tensor(5).require_grad(), tensor(6));
    let gradient = |detach_ratio| {
        let config = DeflectionConfig {
            constraint: Constraint::PerToken,
            detach_ratio,
        };
        let factor = config.factor(d.clone(), pre.clone()).unwrap();
        let gradients = (d.clone() * factor.clone()).sum().backward();
        let host = |t: Tensor<Flex, 3>| t.into_data().iter::<f32>().collect::<Vec<_>>();
        let factor = factor.inner().expand([1, 3, 4]);
        (host(d.grad(&gradients).unwrap()), host(factor))
    };
    let (detached, factor) = gradient(true);
    assert_eq!(detached, factor);
    assert_ne!(gradient(false).0, factor);
}

#[test]
fn the_soft_constraint_vanishes_where_the_norms_agree() {
    let mut config = config();
    config.embedding.inject = 0.0;
    config.deflection.constraint = Constraint::Soft;
    let vit = Vit::<Flex>::init(&small_vit(), 1, &Default::default()).unwrap();
    let fresh = adapter(&config, &small_vit(), image(values(1, SHAPE), SHAPE));
    let (_, loss) = fresh.forward(&vit, image(values(2, SHAPE), SHAPE));
    assert_eq!(loss.unwrap().into_scalar(), 0.0);
    let (_, loss) = perturbed(fresh, 3, 0.5).forward(&vit, image(values(2, SHAPE), SHAPE));
    assert!(loss.unwrap().into_scalar() > 1e-3);
}

#[test]
fn the_spectral_stream_has_the_norm_of_the_tokens_and_no_class_row() {
    let of = |norm_match| {
        let mut config = config();
        config.embedding.norm_match = norm_match;
        let (vit, adapter) = moved::<Flex>(&config, 4);
        let (x, stream) = adapter
            .embedding
            .forward(&vit.embed, image(values(2, SHAPE), SHAPE));
        (norms(x), norms(stream))
    };
    let (x, a) = of(NormMatch::PerToken);
    for (token, (x, a)) in x.iter().zip(&a).enumerate() {
        if token % 5 == 0 {
            assert_eq!(*a, 0.0);
        } else {
            assert!((x / a - 1.0).abs() < 2e-6, "{x} {a}");
        }
    }
    let (x, a) = of(NormMatch::Mean);
    let mean = |norms: &[f64]| norms[1..5].iter().sum::<f64>();
    assert!((mean(&x) / mean(&a) - 1.0).abs() < 2e-6);
    assert!((x[1] / a[1] - 1.0).abs() > 1e-3);
}

#[test]
fn dates_are_one_set() {
    let mut config = every_statistic();
    config.spectrum.dates = 2;
    config.spectrum.date_stride = 6;
    let shape = [2, 15, 8, 8];
    let two = values(3, shape);
    let plane = 64;
    // Channels 3 to 8 are the first date, 9 to 14 the second.
    let rearranged = |order: [usize; 2]| -> Vec<f32> {
        let mut result = two.clone();
        for sample in 0..2 {
            for (to, from) in order.iter().enumerate() {
                let start = |date: usize| (sample * 15 + 3 + 6 * date) * plane;
                let from = two[start(*from)..start(*from) + 6 * plane].to_vec();
                result[start(to)..start(to) + 6 * plane].copy_from_slice(&from);
            }
        }
        result
    };
    let (there, _) = pool(&config, rearranged([0, 1]), shape);
    let (back, _) = pool(&config, rearranged([1, 0]), shape);
    let close = |a: &[f64], b: &[f64]| {
        a.iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() < 2e-6 * (1.0 + a.abs()))
    };
    assert!(close(&there, &back));
    // The same date twice is that date (but for quantiles, which interpolate between other neighbours).
    config.pixels.statistics.truncate(4);
    let (twice, _) = pool(&config, rearranged([0, 0]), shape);
    let mut one = config.clone();
    one.spectrum.dates = 1;
    let (once, _) = pool(&one, rearranged([0, 1]), shape);
    assert!(close(&twice, &once));
    assert!(!close(&once, &pool(&config, rearranged([0, 1]), shape).0));
}

#[test]
fn masked_and_missing_pixels_are_left_out() {
    let shape = [1, 10, 4, 4];
    let mut numbers = values(4, shape);
    // Channel 9 is the mask; channel 6 (nir) has a no-data value.
    for pixel in 0..16 {
        numbers[9 * 16 + pixel] = if pixel == 5 {
            f32::NAN
        } else {
            f32::from(u8::from(pixel != 4))
        };
    }
    numbers[6 * 16 + 7] = -9999.0;
    let mut config = config();
    config.spectrum.mask_channel = Some(9);
    config.spectrum.bands[3].nodata = Some(-9999.0);
    config.pixels.bands = BandChoice::Named(vec!["nir".into(), "swir".into()]);
    config.pixels.indices = IndexChoice::None;
    let (found, _) = pool(&config, numbers.clone(), shape);
    for (channel, left_out, found) in [(6, vec![4, 5, 7], found[0]), (7, vec![4, 5], found[2])] {
        let kept = (0..16).filter(|p| !left_out.contains(p));
        let kept: Vec<f64> = kept.map(|p| f64::from(numbers[channel * 16 + p])).collect();
        let expected = reference::statistic(Statistic::Mean, &kept);
        assert!(
            (found - expected).abs() < 1e-6,
            "{channel}: {found} {expected}"
        );
    }
}

#[test]
fn a_sample_is_a_fixed_share_of_the_pixels() {
    let mut config = config();
    config.pixels.bands = BandChoice::Named(vec!["nir".into()]);
    config.pixels.indices = IndexChoice::None;
    config.pixels.sample = 0.3;
    let shape = [1, 9, 4, 4];
    let mut looked_at = 0;
    for pixel in 0..16 {
        let mut numbers = vec![0.0; 9 * 16];
        numbers[6 * 16 + pixel] = 1.0;
        let (found, _) = pool(&config, numbers, shape);
        if found[0] > 0.0 {
            looked_at += 1;
            assert!((found[0] - 0.25).abs() < 1e-6, "one of four: {}", found[0]);
        }
    }
    assert_eq!(looked_at, 4); // The floor of 0.3 * 16.
}

#[test]
fn several_hundred_bands_are_one_more_description() {
    let centres = (0..240).map(|band| 400.0 + 9.0 * f64::from(band));
    let bands = centres
        .enumerate()
        .map(|(band, nm)| SpectralBand::optical(&format!("b{band}"), 3 + band, nm));
    let mut config = DeflectConfig::new(Spectrum::new(bands.collect()));
    config.attention.blocks = BlockChoice::List(vec![1]);
    let set: PixelSet = config.pixel_set(&small_vit()).unwrap();
    assert_eq!(set.len(), 2 * (240 - 3 + 12));
    let shape = [1, 243, 8, 8];
    let vit = Vit::<Flex>::init(&small_vit(), 1, &Default::default()).unwrap();
    let batch = image::<Flex>(values(5, shape), shape);
    let adapter = adapter(&config, &small_vit(), batch.clone());
    let tokens = vit.forward(batch, &adapter);
    assert_eq!(tokens.dims(), [1, 5, 12]);
    assert!(finite(tokens));
}

#[test]
fn affine_maps_and_units_change_nothing_but_the_scale() {
    let mut numbers = values(6, SHAPE);
    let (expected, _) = pool(&config(), numbers.clone(), SHAPE);
    for (place, value) in numbers.iter_mut().enumerate() {
        if (3..8).contains(&(place / 64 % 9)) {
            *value = *value * 1e4 + 1000.0;
        }
    }
    let mut scaled = config();
    scaled.spectrum = spectrum();
    for band in &mut scaled.spectrum.bands[..5] {
        (band.scale, band.offset) = (1e-4, -0.1);
    }
    let (found, _) = pool(&scaled, numbers, SHAPE);
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-4 * (1.0 + expected.abs()),
            "{found} {expected}"
        );
    }
}
