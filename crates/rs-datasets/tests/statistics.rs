//! Passes over a whole data set: the cache, and band statistics against a naive computation.

mod memory;

use std::sync::atomic::Ordering;

use memory::{Broken, Memory};
use rs_datasets::{Cached, DataError, Dataset, Pipeline, Split, compute_statistics};

#[test]
fn a_cache_gives_the_same_samples_once_decoded() {
    let data = Memory::new(12, None);
    let cached = Cached::subset(&*data, &[3, 1, 8], 10_000).unwrap();
    assert_eq!(data.loaded.load(Ordering::SeqCst), 3);
    for (position, index) in [3, 1, 8].into_iter().enumerate() {
        assert_eq!(cached.load(position).unwrap(), data.load(index).unwrap());
        assert_eq!(
            (cached.id(position), cached.class_of(position)),
            (data.id(index), data.class_of(index))
        );
    }
    assert_eq!(
        (cached.name(), cached.len(), cached.classes()),
        (data.name(), 3, data.classes())
    );
    assert!(matches!(
        cached.load(3),
        Err(DataError::IndexOutOfRange { index: 3, len: 3 })
    ));
    // 24 values: 4 bytes each in quarters, 1 byte each when whole (index 0, 4, 8).
    let full = Cached::all(&*data, 400).err().unwrap();
    assert!(
        matches!(full, DataError::CacheFull { limit: 400, .. }),
        "{full}"
    );
    assert!(Cached::subset(&*data, &[0, 4, 8], 72).is_ok());
    let error = Cached::all(&*Memory::new(12, Some((5, Broken::Error))), 1 << 20)
        .err()
        .unwrap();
    assert!(error.to_string().contains("id005"), "{error}");
}

#[test]
fn statistics_equal_a_naive_computation() {
    let data = Memory::new(20, Some((4, Broken::Nan)));
    let ids =
        |range: std::ops::Range<usize>| range.map(|i| format!("id{i:03}")).collect::<Vec<_>>();
    let parts = vec![("train".into(), ids(0..15)), ("test".into(), ids(15..20))];
    let split = Split::new("s", "given", None, parts).unwrap();
    let statistics = compute_statistics(
        &*data,
        &split,
        "train",
        &Pipeline::default(),
        Some((10.0, 90.0)),
    )
    .unwrap();
    let percentiles = statistics.percentiles.as_ref().unwrap();
    for band in 0..2 {
        let mut values: Vec<f64> = (0..15)
            .flat_map(|i| data.load(i).unwrap().image.band(band).to_vec())
            .filter(|value| value.is_finite())
            .map(f64::from)
            .collect();
        assert_eq!(values.len(), 15 * 12 - band);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let std =
            (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!(
            (statistics.mean[band] - mean).abs() < 1e-12 * mean,
            "{} {mean}",
            statistics.mean[band]
        );
        assert!((statistics.std[band] - std).abs() < 1e-12 * std);
        values.sort_by(f64::total_cmp);
        let near = |percent: f64, found: f64| {
            let below = values.iter().filter(|&&v| v <= found).count() as f64 / values.len() as f64;
            assert!((below - percent).abs() < 0.03, "{found} is at {below}");
        };
        near(0.1, percentiles.low[band]);
        near(0.9, percentiles.high[band]);
    }
    assert!(
        statistics.source.to_string().contains("part `train`")
            && statistics.source.to_string().contains("memory")
    );
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let alone = one.install(|| {
        compute_statistics(
            &*data,
            &split,
            "train",
            &Pipeline::default(),
            Some((10.0, 90.0)),
        )
    });
    assert_eq!(alone.unwrap(), statistics, "bit-identical on one thread");

    let random = Pipeline::from_toml("steps = [{ step = 'random_dihedral' }]").unwrap();
    assert!(
        compute_statistics(&*data, &split, "train", &random, None).is_err(),
        "random steps"
    );
    assert!(
        compute_statistics(
            &*data,
            &split,
            "train",
            &Pipeline::default(),
            Some((90.0, 10.0))
        )
        .is_err()
    );
    let constant =
        Pipeline::from_toml("steps = [{ step = 'clip', low = [0.0], high = [0.0] }]").unwrap();
    let error = compute_statistics(&*data, &split, "test", &constant, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("constant band"), "{error}");
}
