//! The synthetic scenes: repeatable, and harder to tell apart in red, green and blue than in all bands.

use rayon::prelude::*;
use rs_datasets::{
    Dataset, InputUnit, Label, Material, SceneClass, SyntheticConfig, SyntheticScenes,
};

/// Mean and standard deviation of the chosen bands.
fn spectrum(scenes: &SyntheticScenes, index: usize, bands: &[usize]) -> Vec<f64> {
    let image = scenes.load(index).unwrap().image;
    bands
        .iter()
        .flat_map(|&band| {
            let plane = image.band(band);
            let mean = plane.iter().map(|&v| f64::from(v)).sum::<f64>() / plane.len() as f64;
            let variance = plane
                .iter()
                .map(|&v| (f64::from(v) - mean).powi(2))
                .sum::<f64>()
                / plane.len() as f64;
            [mean, variance.sqrt()]
        })
        .collect()
}

/// Solves `a x = b` for several right-hand sides by Gauss-Jordan with pivoting.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    for column in 0..n {
        let pivot = (column..n)
            .max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))
            .unwrap();
        a.swap(column, pivot);
        b.swap(column, pivot);
        let scale = a[column][column];
        a[column]
            .iter_mut()
            .chain(&mut b[column])
            .for_each(|value| *value /= scale);
        for row in 0..n {
            if row != column {
                let factor = a[row][column];
                let (pivot_a, pivot_b) = (a[column].clone(), b[column].clone());
                a[row]
                    .iter_mut()
                    .zip(&pivot_a)
                    .for_each(|(v, p)| *v -= factor * p);
                b[row]
                    .iter_mut()
                    .zip(&pivot_b)
                    .for_each(|(v, p)| *v -= factor * p);
            }
        }
    }
    b
}

/// Test accuracy of ridge regression to one-hot targets on standardised features.
fn accuracy(features: &[Vec<f64>], labels: &[usize], train: impl Fn(usize) -> bool) -> f64 {
    let d = features[0].len();
    let rows: Vec<usize> = (0..labels.len()).filter(|&i| train(i)).collect();
    let mean: Vec<f64> = (0..d)
        .map(|j| rows.iter().map(|&i| features[i][j]).sum::<f64>() / rows.len() as f64)
        .collect();
    let std: Vec<f64> = (0..d)
        .map(|j| {
            (rows
                .iter()
                .map(|&i| (features[i][j] - mean[j]).powi(2))
                .sum::<f64>()
                / rows.len() as f64)
                .sqrt()
        })
        .collect();
    let x = |i: usize| -> Vec<f64> {
        (0..d)
            .map(|j| (features[i][j] - mean[j]) / std[j].max(1e-9))
            .chain([1.0])
            .collect()
    };
    let classes = labels.iter().max().unwrap() + 1;
    let mut gram = vec![vec![0.0; d + 1]; d + 1];
    let mut target = vec![vec![0.0; classes]; d + 1];
    for &i in &rows {
        let row = x(i);
        for a in 0..=d {
            (0..=d).for_each(|b| gram[a][b] += row[a] * row[b]);
            target[a][labels[i]] += row[a];
        }
    }
    (0..=d).for_each(|a| gram[a][a] += 1e-3 * rows.len() as f64);
    let weights = solve(gram, target);
    let tests: Vec<usize> = (0..labels.len()).filter(|&i| !train(i)).collect();
    let right = tests
        .iter()
        .filter(|&&i| {
            let row = x(i);
            let score = |class: usize| {
                row.iter()
                    .zip(&weights)
                    .map(|(x, w)| x * w[class])
                    .sum::<f64>()
            };
            (0..classes).max_by(|&a, &b| score(a).total_cmp(&score(b))) == Some(labels[i])
        })
        .count();
    right as f64 / tests.len() as f64
}

#[test]
fn all_bands_tell_classes_apart_that_look_alike_in_rgb() {
    let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(60, 7)).unwrap();
    let labels: Vec<usize> = (0..scenes.len())
        .map(|i| scenes.class_of(i).unwrap())
        .collect();
    let all: Vec<usize> = (0..13).collect();
    let features: Vec<Vec<f64>> = (0..scenes.len())
        .into_par_iter()
        .map(|i| spectrum(&scenes, i, &all))
        .collect();
    // Bands 3, 2, 1 are B04, B03, B02; two numbers per band.
    let rgb: Vec<Vec<f64>> = features.iter().map(|row| row[2..8].to_vec()).collect();
    let train = |i: usize| i % 60 < 36;
    let (with_rgb, with_all) = (
        accuracy(&rgb, &labels, train),
        accuracy(&features, &labels, train),
    );
    println!("RGB {with_rgb:.3}, 13 bands {with_all:.3}");
    assert!((0.40..=0.75).contains(&with_rgb), "{with_rgb}");
    assert!((0.80..=0.98).contains(&with_all), "{with_all}");
    assert!(with_all > with_rgb + 0.15);
}

#[test]
fn samples_depend_on_seed_and_id_only() {
    let make = |config: SyntheticConfig| SyntheticScenes::classification(config).unwrap();
    let few = make(SyntheticConfig::balanced(2, 1));
    let many = make(SyntheticConfig::balanced(5, 1));
    assert_eq!((few.len(), many.len()), (20, 50));
    for index in [0, 7, 19] {
        let id = few.id(index);
        let sample = few.load(index).unwrap();
        assert_eq!(many.load(many.index_of(id).unwrap()).unwrap(), sample);
        assert_eq!(few.load(index).unwrap(), sample);
        assert_eq!(sample.label, Label::Class(few.class_of(index).unwrap()));
        assert_eq!(
            (
                sample.image.height,
                sample.image.width,
                sample.image.bands.len()
            ),
            (64, 64, 13)
        );
        assert_eq!(sample.image.unit, InputUnit::SENTINEL2_DN);
        assert!(
            sample
                .image
                .data
                .iter()
                .all(|v| (1.0..=20_000.0).contains(v) && v.fract() == 0.0)
        );
    }
    assert_ne!(
        make(SyntheticConfig::balanced(2, 2)).load(0).unwrap().image,
        few.load(0).unwrap().image
    );
    assert_ne!(few.load(0).unwrap().image, few.load(1).unwrap().image);
    let mut ids: Vec<&str> = (0..many.len()).map(|i| many.id(i)).collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), many.len());
    assert!(matches!(
        few.load(20),
        Err(rs_datasets::DataError::IndexOutOfRange { .. })
    ));
    assert!(few.info().citation.contains("Synthetic"));
}

#[test]
fn coarse_bands_are_coarse() {
    let scenes = SyntheticScenes::classification(SyntheticConfig {
        noise: 0.0,
        ..SyntheticConfig::balanced(1, 0)
    })
    .unwrap();
    // Residential: much detail.
    let image = scenes
        .load(
            SceneClass::ALL
                .iter()
                .position(|&c| c == SceneClass::Residential)
                .unwrap(),
        )
        .unwrap()
        .image;
    let pairs = |band: &str| {
        let plane = image.band(image.bands.index_of(band).unwrap());
        (0..4096)
            .filter(|at| at % 2 == 0)
            .filter(|&at| plane[at] == plane[at + 1])
            .count()
    };
    assert_eq!(pairs("B11"), 2048, "20 m pixels come in pairs");
    assert!(pairs("B04") < 1500);
}

#[test]
fn rgb_is_the_rendering_of_the_same_scene() {
    let config = SyntheticConfig::balanced(1, 4);
    let raw = SyntheticScenes::classification(config.clone()).unwrap();
    let rgb = SyntheticScenes::classification(config.rgb()).unwrap();
    assert_eq!(rgb.bands().names(), ["B04", "B03", "B02"]);
    let mut saturated = 0;
    for index in 0..rgb.len() {
        let sample = rgb.load(index).unwrap();
        assert_eq!(sample.image.unit, InputUnit::Uint8);
        let expected = SyntheticScenes::render_rgb(raw.load(index).unwrap()).unwrap();
        assert_eq!(sample, expected);
        saturated += sample
            .image
            .data
            .iter()
            .filter(|&&v| v == 0.0 || v == 255.0)
            .count();
    }
    assert!(
        saturated * 50 < 10 * 3 * 4096,
        "fewer than 2 % of the pixels are black or white: {saturated}"
    );
}

#[test]
fn segmentation_masks_name_the_material_of_each_pixel() {
    let scenes = SyntheticScenes::segmentation(SyntheticConfig::balanced(4, 0)).unwrap();
    assert_eq!(
        (scenes.len(), scenes.classes().len()),
        (40, Material::ALL.len())
    );
    let mut seen = [false; Material::ALL.len()];
    for index in 0..scenes.len() {
        let sample = scenes.load(index).unwrap();
        assert_eq!(scenes.class_of(index), None);
        let Label::Segmentation {
            height: 64,
            width: 64,
            classes,
        } = sample.label
        else {
            panic!("no mask")
        };
        classes
            .iter()
            .for_each(|&class| seen[class as usize] = true);
        // Near infrared tells water from everything else.
        let infrared = sample.image.band(7);
        let mean = |wanted: &dyn Fn(Material) -> bool| {
            let values: Vec<f32> = (0..4096)
                .filter(|&at| wanted(Material::ALL[classes[at] as usize]))
                .map(|at| infrared[at])
                .collect();
            (values.len() > 200).then(|| values.iter().sum::<f32>() / values.len() as f32)
        };
        let water = |material| matches!(material, Material::ClearWater | Material::AlgaeWater);
        if let (Some(wet), Some(dry)) = (mean(&water), mean(&|material| !water(material))) {
            assert!(wet < 0.6 * dry, "{wet} {dry}");
        }
    }
    assert!(seen.iter().filter(|&&seen| seen).count() >= 14, "{seen:?}");
}

#[test]
fn long_tails_and_bad_settings() {
    let config = SyntheticConfig::long_tailed(50, 10.0, 3).unwrap();
    let mut counts = config.per_class.clone();
    counts.sort_unstable();
    assert_eq!((counts[0], counts[9]), (5, 50));
    assert_ne!(
        config.per_class,
        SyntheticConfig::long_tailed(50, 10.0, 4).unwrap().per_class
    );
    let scenes = SyntheticScenes::classification(config.clone()).unwrap();
    assert_eq!(scenes.len(), config.per_class.iter().sum::<usize>());
    assert!(SyntheticConfig::long_tailed(50, 0.5, 3).is_err());
    let base = SyntheticConfig::balanced(1, 0);
    for bad in [
        SyntheticConfig {
            per_class: vec![1; 9],
            ..base.clone()
        },
        SyntheticConfig {
            per_class: vec![0; 10],
            ..base.clone()
        },
        SyntheticConfig {
            per_class: vec![usize::MAX; 10],
            ..base.clone()
        },
        SyntheticConfig {
            size: 4,
            ..base.clone()
        },
        SyntheticConfig {
            overlap: 0.6,
            ..base.clone()
        },
        SyntheticConfig {
            noise: f64::NAN,
            ..base.clone()
        },
    ] {
        assert!(
            SyntheticScenes::classification(bad.clone()).is_err(),
            "{bad:?}"
        );
        assert!(SyntheticScenes::segmentation(bad).is_err());
    }
    for class in SceneClass::ALL {
        if let Some(other) = class.lookalike() {
            assert_eq!(other.lookalike(), Some(class));
        }
    }
    assert_eq!(
        SceneClass::ALL
            .iter()
            .filter(|class| class.lookalike().is_some())
            .count(),
        8
    );
}
