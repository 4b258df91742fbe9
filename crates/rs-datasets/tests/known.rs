//! What is said about the published sets without their files is what opening them gives.

use rs_datasets::catalog::{DATASETS, fake, known_datasets, open};
use rs_datasets::{DataError, Pipeline, Split, compute_statistics, summarise_bands};
use tempfile::tempdir;

#[test]
fn the_table_agrees_with_the_readers() {
    let known = known_datasets().unwrap();
    assert_eq!(known.len() + 3, DATASETS.len());
    for known in known {
        let folder = tempdir().unwrap();
        fake::write_by_name(known.name, folder.path(), 4, 7).unwrap();
        let set = open(known.name, folder.path()).unwrap();
        assert_eq!(*set.info(), known.info, "{}", known.name);
        assert_eq!(set.classes(), known.classes, "{}", known.name);
        assert_eq!(*set.bands(), known.bands, "{}", known.name);
        for index in 0..set.len() {
            let image = set.load(index).unwrap().image;
            assert_eq!(*image.bands, known.bands, "{}", set.id(index));
        }
    }
}

#[test]
fn stand_ins_repeat_and_refuse() {
    let all = |seed: u64| {
        let folder = tempdir().unwrap();
        fake::write_by_name("eurosat_ms", folder.path(), 3, seed).unwrap();
        let set = open("eurosat_ms", folder.path()).unwrap();
        let samples: Vec<_> = (0..set.len()).map(|i| set.load(i).unwrap()).collect();
        samples
    };
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
    let folder = tempdir().unwrap();
    for count in [0, 1, 10_001] {
        let error = fake::write_by_name("dota", folder.path(), count, 0).unwrap_err();
        assert!(matches!(error, DataError::Setting { .. }), "{error}");
    }
    for name in ["folder", "nowhere"] {
        let error = fake::write_by_name(name, folder.path(), 3, 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains(name) && error.contains("mados"), "{error}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_summary_counts_what_is_missing_and_agrees_with_the_statistics() {
    let folder = tempdir().unwrap();
    fake::write_sen1floods11(folder.path(), 8, 5).unwrap();
    let set = open("sen1floods11_s1", folder.path()).unwrap();
    let split = Split::published(&*set).unwrap();
    let indices = split.indices("train", &*set).unwrap();
    let mut last = 0;
    let summary =
        summarise_bands(&*set, &indices, &Pipeline::default(), &mut |n| last = n).unwrap();
    assert_eq!((summary.images, last), (indices.len(), indices.len()));
    let statistics =
        compute_statistics(&*set, &split, "train", &Pipeline::default(), None).unwrap();
    assert_eq!(
        summary.statistics(statistics.source.clone()).unwrap(),
        statistics
    );
    let area = 24 * 24 * indices.len() as u64;
    for (number, band) in summary.bands.iter().enumerate() {
        let values: Vec<f64> = indices
            .iter()
            .flat_map(|&index| {
                let sample = set.load(index).unwrap();
                let valid = sample.valid.unwrap().valid;
                let plane = sample.image.band(number).to_vec();
                let kept = plane.into_iter().zip(valid).filter(|(_, valid)| *valid);
                kept.map(|(value, _)| f64::from(value)).collect::<Vec<_>>()
            })
            .collect();
        // The stand-in has one missing value per chip, in one band, which makes the pixel missing in both.
        assert_eq!(band.missing, indices.len() as u64);
        assert_eq!(band.valid + band.missing, area);
        assert_eq!(band.valid, values.len() as u64);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!((band.min, band.max), (Some(least), Some(most)));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((band.mean.unwrap() - mean).abs() < 1e-9 * mean.abs());
        assert!((band.missing_share() - 1.0 / 576.0).abs() < 1e-12);
    }
}
