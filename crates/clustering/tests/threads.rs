//! The number of threads changes nothing, not even the last bit.

mod common;

use clustering::constrained::{ConstrainedParams, MinSize};
use clustering::dbscan::DbscanParams;
use clustering::hdbscan::HdbscanParams;
use clustering::k_means::KMeansParams;
use clustering::mini_batch::MiniBatchParams;
use clustering::pca::{Components, PcaParams};
use clustering::rows::Matrix;
use clustering::scaler::StandardScaler;
use common::{blobs, narrow, rng};

/// The same with one thread and with seven.
#[track_caller]
fn same<R: PartialEq + std::fmt::Debug + Send>(work: impl Fn() -> R + Sync) {
    let with = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(&work)
    };
    let one = with(1);
    for _ in 0..2 {
        assert!(one == with(7));
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    // Seven blocks.
    let dim = 160;
    let values = narrow(&blobs(10_000, dim, 9, 11));
    let weights: Vec<f64> = (0..10_000).map(|i| f64::from(i % 7) / 3.0).collect();
    let rows = Matrix::new(&values, dim).unwrap();
    same(|| {
        let params = KMeansParams::new(9).restarts(2).max_iterations(6);
        params
            .check()
            .unwrap()
            .fit(&rows, Some(&weights), &mut rng(1))
            .unwrap()
    });
    same(|| {
        let params = MiniBatchParams::new(9).batch(5000).max_epochs(2);
        params
            .check()
            .unwrap()
            .fit(&rows, None, &mut rng(1))
            .unwrap()
    });
    same(|| {
        let params = ConstrainedParams::new(9, MinSize::Balance { rho: 1.0 }).max_iterations(2);
        params
            .check()
            .unwrap()
            .fit(&rows, None, &mut rng(1))
            .unwrap()
    });
    same(|| StandardScaler::fit(&rows).unwrap());
    same(|| {
        PcaParams::new(Components::Count(5))
            .check()
            .unwrap()
            .fit(&rows)
            .unwrap()
    });
    let few = Matrix::new(&values[..1500 * dim], dim).unwrap();
    same(|| {
        DbscanParams::new(18.5)
            .check()
            .unwrap()
            .fit(&few, None)
            .unwrap()
    });
    let wide = blobs(600, 500, 4, 12);
    let wide = Matrix::new(&wide, 500).unwrap();
    same(|| {
        HdbscanParams::default()
            .check()
            .unwrap()
            .fit(&wide)
            .unwrap()
    });
}
