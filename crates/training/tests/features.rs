//! Frozen features: gathered with checks, cached with verification.

mod common;

use burn::tensor::{Tensor, TensorData};
use common::Inner;
use training::{
    BoxError, CacheKey, CacheOutcome, FeatureCache, FeatureMatrix, Precision, RowFile, TrainError,
    extract,
};

fn tensor(rows: usize, dim: usize, start: usize) -> Tensor<Inner, 2> {
    let values: Vec<f32> = (0..rows * dim).map(|i| (start * dim + i) as f32).collect();
    Tensor::from_data(TensorData::new(values, [rows, dim]), &Default::default())
}

/// Batches of the given sizes, three features each.
fn gather(sizes: &[usize], rows: usize, max_bytes: usize) -> Result<FeatureMatrix, TrainError> {
    let mut start = 0;
    extract::<Inner, _>(
        sizes.iter().map(|s| Ok::<_, BoxError>(*s)),
        rows,
        max_bytes,
        |size| {
            start += size;
            Ok(tensor(size, 3, start - size))
        },
    )
}

#[test]
fn rows_come_in_order() {
    let matrix = gather(&[4, 4, 2], 10, usize::MAX).unwrap();
    assert_eq!((matrix.rows, matrix.dim), (10, 3));
    assert_eq!(matrix.values, (0..30).map(|i| i as f32).collect::<Vec<_>>());
    assert_eq!(matrix.row(9), [27.0, 28.0, 29.0]);
    assert_eq!(
        matrix.select(&[9, 0]).values,
        [27.0, 28.0, 29.0, 0.0, 1.0, 2.0]
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let shape = |out: Result<FeatureMatrix, TrainError>| match out {
        Err(TrainError::FeatureShape {
            expected, found, ..
        }) => (expected, found),
        other => panic!("{other:?}"),
    };
    assert_eq!(shape(gather(&[4, 4], 10, usize::MAX)), (10, 8));
    assert_eq!(shape(gather(&[4, 8], 10, usize::MAX)), (10, 12));
    // A claimed number of rows far beyond memory is refused before anything is allocated.
    assert_eq!(shape(gather(&[4], usize::MAX, 1 << 30)).0, 1 << 30);
    let mut dims = [3, 4].into_iter();
    let ragged = extract::<Inner, _>([Ok(()), Ok(())], 4, 1 << 20, |()| {
        Ok(tensor(2, dims.next().unwrap(), 0))
    });
    assert_eq!(shape(ragged), (3, 4));
    let poisoned = extract::<Inner, _>([Ok(())], 2, 1 << 20, |()| {
        let values = vec![0.0, 1.0, 2.0, f32::NAN];
        Ok(Tensor::from_data(
            TensorData::new(values, [2, 2]),
            &Default::default(),
        ))
    });
    assert!(matches!(
        poisoned,
        Err(TrainError::NonFiniteFeature { row: 1, column: 1 })
    ));
    let failed = extract::<Inner, ()>([Err("gone".into())], 2, 1 << 20, |()| Ok(tensor(2, 2, 0)));
    assert!(matches!(failed, Err(TrainError::Caller { .. })));
}

#[test]
fn a_stored_matrix_is_not_computed_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = FeatureCache::new(directory.path().join("features"));
    let key = CacheKey::new().with("weights", "abc").with("block", "7");
    assert_eq!(cache.get(&key).unwrap(), None);
    let compute = || gather(&[4, 2], 6, usize::MAX);
    let (first, outcome) = cache.get_or_compute(&key, compute).unwrap();
    assert_eq!(outcome, CacheOutcome::Computed);
    let (second, outcome) = cache
        .get_or_compute(&key, || panic!("computed again"))
        .unwrap();
    assert_eq!((outcome, &second), (CacheOutcome::Hit, &first));
    // Every part of the key counts, and so does where one ends.
    for other in [
        CacheKey::new().with("weights", "abd").with("block", "7"),
        CacheKey::new().with("weights", "ab").with("cblock", "7"),
        CacheKey::new().with("block", "7").with("weights", "abc"),
        CacheKey::new().with("weights", "abc"),
    ] {
        assert_eq!(cache.get(&other).unwrap(), None);
    }
}

#[test]
fn a_damaged_file_is_reported_and_computed_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = FeatureCache::new(directory.path());
    let key = CacheKey::new().with("weights", "abc");
    let matrix = gather(&[4], 4, usize::MAX).unwrap();
    cache.put(&key, &matrix).unwrap();
    let path = cache.path(&key);
    let good = std::fs::read(&path).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [&flipped[..], &good[..20], &[]] {
        std::fs::write(&path, bad).unwrap();
        let error = cache.get(&key).unwrap_err();
        assert!(matches!(error, TrainError::Corrupt { .. }), "{error}");
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
        let (found, outcome) = cache.get_or_compute(&key, || Ok(matrix.clone())).unwrap();
        assert!(matches!(outcome, CacheOutcome::Replaced(_)));
        assert_eq!(found, matrix);
        assert_eq!(cache.get(&key).unwrap(), Some(matrix.clone()));
    }
    // A file under another key's name is not served.
    let other = CacheKey::new().with("weights", "xyz");
    std::fs::copy(&path, cache.path(&other)).unwrap();
    assert!(
        cache
            .get(&other)
            .unwrap_err()
            .to_string()
            .contains("another key")
    );
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let cache = FeatureCache::new(file.join("cache"));
    let error = cache
        .put(&CacheKey::new(), &FeatureMatrix::default())
        .unwrap_err();
    assert!(matches!(error, TrainError::Io { .. }), "{error}");
    let lying = FeatureMatrix {
        rows: 3,
        dim: 2,
        values: vec![0.0; 5],
    };
    assert!(matches!(
        FeatureCache::new(directory.path()).put(&CacheKey::new(), &lying),
        Err(TrainError::FeatureShape { .. })
    ));
}

/// Four rows of three numbers under a key, and whether they had to be computed.
fn stored(
    folder: &std::path::Path,
    key: &CacheKey,
    precision: Precision,
) -> Result<(RowFile, CacheOutcome), TrainError> {
    let cache = FeatureCache::new(folder);
    cache.rows_or_compute(key, [4, 3], precision, |writer| {
        writer.push(&[0.1, -0.0, 1e-42, 3.0, 4.0, 5.0])?;
        writer.push(&[6.0, 7.0, 8.0, 1.0 / 3.0, 10.0, 60_000.0])
    })
}

#[test]
fn rows_on_disk_are_those_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let key = CacheKey::new().with("weights", "abc");
    let (rows, outcome) = stored(folder.path(), &key, Precision::F32).unwrap();
    assert_eq!(outcome, CacheOutcome::Computed);
    assert_eq!((rows.rows(), rows.dim()), (4, 3));
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let wanted = vec![1.0 / 3.0, 10.0, 60_000.0, 0.1, -0.0, 1e-42];
    assert_eq!(bits(rows.read(&[3, 0]).unwrap()), bits(wanted));
    assert!(matches!(
        rows.read(&[1, 4]),
        Err(TrainError::FeatureShape {
            expected: 4,
            found: 4,
            ..
        })
    ));
    assert_eq!(
        stored(folder.path(), &key, Precision::F32).unwrap().1,
        CacheOutcome::Hit
    );
    // Another key, or another precision, is another file.
    let other = CacheKey::new().with("weights", "abd");
    assert_eq!(
        stored(folder.path(), &other, Precision::F32).unwrap().1,
        CacheOutcome::Computed
    );
    let (half, outcome) = stored(folder.path(), &key, Precision::F16).unwrap();
    assert_eq!(outcome, CacheOutcome::Computed);
    for (found, wanted) in half
        .read(&[3, 1])
        .unwrap()
        .iter()
        .zip([1.0 / 3.0, 10.0, 60_000.0])
    {
        assert!((found - wanted).abs() <= wanted * 5e-4, "{found} {wanted}");
    }
    // Other programs read the file as safetensors.
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let bytes = std::fs::read(path.unwrap().path()).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("rows").unwrap().shape(), [4, 3]);
}

#[test]
fn damaged_rows_are_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let key = CacheKey::new();
    stored(folder.path(), &key, Precision::F32).unwrap();
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let path = path.unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let header = String::from_utf8_lossy(&whole).replace("[4,3]", "[5,3]");
    for bad in [
        flipped,
        whole[..whole.len() - 4].to_vec(),
        huge,
        header.into_bytes(),
    ] {
        std::fs::write(&path, bad).unwrap();
        let (rows, outcome) = stored(folder.path(), &key, Precision::F32).unwrap();
        assert!(matches!(outcome, CacheOutcome::Replaced(_)), "{outcome:?}");
        assert_eq!(rows.read(&[1]).unwrap(), [3.0, 4.0, 5.0]);
    }
}

#[test]
fn rows_that_do_not_fit_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let cache = FeatureCache::new(folder.path());
    let write = |precision, tables: &[&[f32]]| {
        cache.rows_or_compute(&CacheKey::new(), [2, 2], precision, |writer| {
            tables.iter().try_for_each(|table| writer.push(table))
        })
    };
    for tables in [
        &[&[1.0, 2.0][..]][..],
        &[&[1.0, 2.0, 3.0]],
        &[&[0.0; 6]],
        &[&[1.0, f32::NAN]],
    ] {
        assert!(write(Precision::F32, tables).is_err());
    }
    // Beyond the largest half.
    let error = write(Precision::F16, &[&[1.0, 70_000.0, 0.0, 0.0]]).unwrap_err();
    assert!(matches!(
        error,
        TrainError::NonFiniteFeature { row: 0, column: 1 }
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
