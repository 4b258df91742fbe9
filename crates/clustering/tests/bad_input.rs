//! Bad input and odd input: typed errors, or what the documentation says.

mod common;

use clustering::InputError;
use clustering::constrained::{ConstrainedParams, MinSize, assign_at_least};
use clustering::dbscan::{DbscanError, DbscanParams};
use clustering::hdbscan::{HdbscanError, HdbscanParams};
use clustering::k_means::{KMeansError, KMeansParams, Start};
use clustering::mini_batch::{MiniBatchParams, MiniBatchState};
use clustering::pca::{Components, PcaError, PcaParams};
use clustering::rows::Matrix;
use clustering::scaler::StandardScaler;
use common::rng;

fn k_means(values: &[f32], dim: usize, k: usize) -> Result<Vec<usize>, KMeansError> {
    let rows = Matrix::new(values, dim)?;
    let fitted = KMeansParams::new(k)
        .check()?
        .fit(&rows, None, &mut rng(1))?;
    Ok(fitted.sizes())
}

#[test]
fn tables_that_are_none() {
    assert!(matches!(
        Matrix::<f32>::new(&[], 3).unwrap_err(),
        InputError::Empty { .. }
    ));
    assert!(Matrix::new(&[1.0f32], 0).is_err());
    let message = Matrix::new(&[1.0f32; 7], 3).unwrap_err().to_string();
    assert!(message.contains("multiple of 3"), "{message}");
}

#[test]
fn numbers_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let values = [0.0, 1.0, 2.0, bad, 4.0, 5.0];
        let rows = Matrix::new(&values, 2).unwrap();
        let named = |message: String| {
            assert!(message.contains("feature 1 of row 1"), "{message}");
        };
        named(k_means(&values, 2, 2).unwrap_err().to_string());
        let batches = MiniBatchParams::new(2).check().unwrap();
        named(
            batches
                .fit(&rows, None, &mut rng(1))
                .unwrap_err()
                .to_string(),
        );
        let constrained = ConstrainedParams::new(2, MinSize::Rows(1)).check().unwrap();
        named(
            constrained
                .fit(&rows, None, &mut rng(1))
                .unwrap_err()
                .to_string(),
        );
        let dbscan = DbscanParams::new(1.0).check().unwrap();
        named(dbscan.fit(&rows, None).unwrap_err().to_string());
        let hdbscan = HdbscanParams::default().min_samples(1).check().unwrap();
        named(hdbscan.fit(&rows).unwrap_err().to_string());
        named(StandardScaler::fit(&rows).unwrap_err().to_string());
        let pca = PcaParams::new(Components::Count(1)).check().unwrap();
        named(pca.fit(&rows).unwrap_err().to_string());
        let mut state = MiniBatchState::new(vec![0.0, 0.0], 2).unwrap();
        named(state.step(&values, None).unwrap_err().to_string());
    }
}

#[test]
fn numbers_that_are_too_large() {
    let error = k_means(&[0.0, 1e20, -1e20, 5.0], 1, 2).unwrap_err();
    assert!(error.to_string().contains("rescale"), "{error}");
    let huge = [1e200f64, -1e200];
    let error = StandardScaler::fit(&Matrix::new(&huge, 1).unwrap()).unwrap_err();
    assert!(error.to_string().contains("rescale"), "{error}");
    let start = Start::Given(vec![1e30f32, 0.0]);
    let error = KMeansParams::new(2)
        .start(start)
        .check()
        .unwrap()
        .fit(&Matrix::new(&[1.0f32, 2.0], 1).unwrap(), None, &mut rng(1))
        .unwrap_err();
    assert!(error.to_string().contains("overflow"), "{error}");
}

#[test]
fn fewer_rows_than_clusters() {
    let error = k_means(&[1.0, 2.0, 3.0], 1, 4).unwrap_err();
    assert!(matches!(
        error,
        KMeansError::FewerRows {
            rows: 3,
            clusters: 4,
            ..
        }
    ));
    // Rows of weight 0 do not count.
    let rows = [1.0f32, 2.0, 3.0];
    let error = KMeansParams::new(3)
        .check()
        .unwrap()
        .fit(
            &Matrix::new(&rows, 1).unwrap(),
            Some(&[1.0, 0.0, 2.0]),
            &mut rng(1),
        )
        .unwrap_err();
    assert!(error.to_string().contains("weight 0"), "{error}");
    assert_eq!(k_means(&[3.0, 1.0, 2.0], 1, 3).unwrap(), [1, 1, 1]);
}

#[test]
fn rows_that_are_all_equal() {
    // Numbers whose mean is not exact, far from the origin too.
    for value in [0.0f32, 0.1, 12345.678] {
        let values = vec![value; 30];
        let error = k_means(&values, 3, 2).unwrap_err();
        assert!(matches!(
            error,
            KMeansError::FewerDistinctRows {
                distinct: 1,
                clusters: 2
            }
        ));
        assert_eq!(k_means(&values, 3, 1).unwrap(), [10]);
        for start in [Start::Random, Start::Given(values[..6].to_vec())] {
            let rows = Matrix::new(&values, 3).unwrap();
            let error = KMeansParams::new(2)
                .start(start)
                .check()
                .unwrap()
                .fit(&rows, None, &mut rng(1))
                .unwrap_err();
            assert!(matches!(error, KMeansError::FewerDistinctRows { .. }));
        }
        let rows = Matrix::new(&values, 3).unwrap();
        let one = DbscanParams::new(1e-3).check().unwrap().fit(&rows, None);
        assert_eq!(one.unwrap().clusters(), 1);
        let none = HdbscanParams::default()
            .check()
            .unwrap()
            .fit(&rows)
            .unwrap();
        assert_eq!(none.clusters(), 0);
        let single = HdbscanParams::default().allow_single_cluster(true);
        let one = single.check().unwrap().fit(&rows).unwrap();
        assert_eq!((one.clusters(), one.strengths()), (1, &[1.0; 10][..]));
        let scaler = StandardScaler::fit(&rows).unwrap();
        assert_eq!(scaler.scale(), [1.0; 3]);
        let pca = PcaParams::new(Components::Count(1)).check().unwrap();
        assert!(matches!(pca.fit(&rows).unwrap_err(), PcaError::Constant));
    }
}

/// Constrained clusters may be equal: rows that coincide are shared out to meet the bound.
#[test]
fn equal_rows_can_be_shared_out() {
    let mut values = vec![0.0f64; 9];
    values.push(10.0);
    let fitted = ConstrainedParams::new(2, MinSize::Rows(4))
        .check()
        .unwrap()
        .fit(&Matrix::new(&values, 1).unwrap(), None, &mut rng(1))
        .unwrap();
    let mut sizes = fitted.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [4, 6]);
    assert!((fitted.inertia() - 75.0).abs() < 1e-9);
}

#[test]
fn a_few_different_rows_many_times() {
    let values: Vec<f32> = (0..60).map(|i| (i % 3) as f32).collect();
    let error = k_means(&values, 1, 5).unwrap_err();
    assert!(matches!(
        error,
        KMeansError::FewerDistinctRows {
            distinct: 3,
            clusters: 5
        }
    ));
    assert_eq!(k_means(&values, 1, 3).unwrap(), [20, 20, 20]);
}

#[test]
fn bounds_that_cannot_be_met() {
    let rows = [1.0f32, 2.0, 3.0, 4.0, 5.0];
    let rows = Matrix::new(&rows, 1).unwrap();
    let fit = |k, bound| {
        ConstrainedParams::<f32>::new(k, bound)
            .check()?
            .fit(&rows, None, &mut rng(1))
    };
    for (k, bound) in [(2, MinSize::Rows(3)), (6, MinSize::Balance { rho: 2.0 })] {
        let error = fit(k, bound).unwrap_err();
        assert!(matches!(error, KMeansError::Infeasible { .. }), "{error}");
    }
    assert!(fit(2, MinSize::Rows(usize::MAX)).is_err());
    for rho in [0.5, 0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = fit(2, MinSize::Balance { rho }).unwrap_err();
        assert!(error.to_string().contains("rho"), "{error}");
    }
    assert!(fit(2, MinSize::Rows(0)).is_err());
    assert_eq!(fit(2, MinSize::Rows(2)).unwrap().clusters(), 2);
    // Five rows, two clusters, rho 1: 2.5 cannot be rounded up for both.
    assert_eq!(MinSize::Balance { rho: 1.0 }.resolve(5, 2).unwrap(), 2);
    assert_eq!(MinSize::Balance { rho: 1.5 }.resolve(5, 2).unwrap(), 2);
    assert_eq!(MinSize::Balance { rho: 1.0 }.resolve(12, 3).unwrap(), 4);
    assert_eq!(MinSize::Balance { rho: 1e9 }.resolve(12, 3).unwrap(), 1);
    assert!(assign_at_least(&[1.0f64; 6], 2, 2).is_err());
    assert!(assign_at_least(&[1.0f64; 5], 2, 1).is_err());
    assert!(assign_at_least(&[1.0, f64::NAN], 2, 0).is_err());
    assert!(assign_at_least::<f64>(&[], 0, 0).is_err());
}

#[test]
fn parameters_outside_their_range() {
    let named = |result: Result<(), String>, name: &str| {
        let message = result.unwrap_err();
        assert!(message.contains(name), "{message}");
    };
    let lloyd = |params: KMeansParams<f32>| params.check().map(drop).map_err(|e| e.to_string());
    named(lloyd(KMeansParams::new(0)), "clusters");
    named(lloyd(KMeansParams::new(1).restarts(0)), "restarts");
    named(
        lloyd(KMeansParams::new(1).max_iterations(0)),
        "max_iterations",
    );
    named(lloyd(KMeansParams::new(1).tolerance(-1.0)), "tolerance");
    named(lloyd(KMeansParams::new(1).tolerance(f64::NAN)), "tolerance");
    let batch = |p: MiniBatchParams<f32>| p.check().map(drop).map_err(|e| e.to_string());
    named(batch(MiniBatchParams::new(2).batch(0)), "batch");
    named(batch(MiniBatchParams::new(2).max_epochs(0)), "max_epochs");
    named(batch(MiniBatchParams::new(2).patience(Some(0))), "patience");
    named(
        batch(MiniBatchParams::new(2).reassignment(1.1)),
        "reassignment",
    );
    let dbscan = |p: DbscanParams| p.check().map(drop).map_err(|e| e.to_string());
    named(dbscan(DbscanParams::new(0.0)), "eps");
    named(
        dbscan(DbscanParams::new(1.0).min_samples(0.0)),
        "min_samples",
    );
    assert!(matches!(
        DbscanParams::new(f64::NAN).check(),
        Err(DbscanError::Parameter { .. })
    ));
    let hdbscan = |p: HdbscanParams| p.check().map(drop).map_err(|e| e.to_string());
    named(
        hdbscan(HdbscanParams::default().min_cluster_size(1)),
        "min_cluster_size",
    );
    let few = HdbscanParams::default()
        .check()
        .unwrap()
        .fit(&Matrix::new(&[1.0f32, 2.0], 1).unwrap());
    assert!(matches!(
        few,
        Err(HdbscanError::FewerRows {
            rows: 2,
            min_samples: 5
        })
    ));
    let pca = |c| {
        PcaParams::new(c)
            .check()
            .map(drop)
            .map_err(|e| e.to_string())
    };
    named(pca(Components::Count(0)), "components");
    named(pca(Components::Variance(1.0)), "components");
    let rows = [1.0f32, 2.0, 3.0, 5.0];
    let fit = |count| {
        PcaParams::new(Components::Count(count))
            .check()
            .unwrap()
            .fit(&Matrix::new(&rows, 2).unwrap())
    };
    assert!(fit(3).unwrap_err().to_string().contains("at most 2"));
    let one = Matrix::new(&rows, 4).unwrap();
    let pca = PcaParams::new(Components::Count(1)).check().unwrap();
    assert!(matches!(pca.fit(&one), Err(PcaError::OneRow)));
}

#[test]
fn starts_and_weights_that_do_not_fit() {
    let rows = [1.0f32, 2.0, 3.0, 4.0];
    let rows = Matrix::new(&rows, 2).unwrap();
    let start = |start: Start<f32>| {
        KMeansParams::new(2)
            .start(start)
            .check()
            .unwrap()
            .fit(&rows, None, &mut rng(1))
            .unwrap_err()
            .to_string()
    };
    assert!(start(Start::Given(vec![0.0; 3])).contains("expected 2 centres of 2"));
    assert!(start(Start::Given(vec![0.0, f32::NAN, 0.0, 0.0])).contains("centre 0"));
    assert!(start(Start::PlusPlus { sample: Some(1) }).contains("sample"));
    let weights = |w: &[f64]| {
        KMeansParams::new(2)
            .check()
            .unwrap()
            .fit(&rows, Some(w), &mut rng(1))
            .unwrap_err()
            .to_string()
    };
    assert!(weights(&[1.0]).contains("one per row"));
    assert!(weights(&[1.0, -1.0]).contains("row 1"));
    assert!(weights(&[0.0, 0.0]).contains("not all"));
    assert!(weights(&[f64::NAN, 1.0]).contains("row 0"));
    let fitted = KMeansParams::new(1)
        .check()
        .unwrap()
        .fit(&rows, None, &mut rng(1))
        .unwrap();
    let other = fitted.predict(&Matrix::new(&[1.0f32, 2.0, 3.0], 3).unwrap());
    assert!(matches!(
        other,
        Err(InputError::Dimension {
            expected: 2,
            found: 3
        })
    ));
}
