//! Ten Lloyd iterations, size-constrained k-means and mini-batch k-means from the same starts as the peer: the first rows.

use clustering::constrained::{AssignmentCost, ConstrainedParams, MinSize};
use clustering::k_means::{KMeans, KMeansParams, Start};
use clustering::mini_batch::MiniBatchParams;
use clustering::rows::Matrix;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::numbers::{read, write_blobs};
use crate::case::{Case, Round, Setting};

/// N = 50,000, d = 1,024, K = 64.
pub(super) const LLOYD: Case = Case {
    name: "k_means",
    prepare: |s| {
        write_blobs(
            &s.folder.join("k_means.npy"),
            s.count(50_000, 500),
            s.size(1024, 16),
            100,
        )
    },
    start: |s| {
        let clusters = s.size(64, 4);
        round(s, "k_means.npy", clusters, move |rows, start| {
            let params = KMeansParams::new(clusters).start(start).tolerance(0.0);
            let valid = params.max_iterations(10).check()?;
            Ok(valid.fit(rows, None, &mut StdRng::seed_from_u64(0))?)
        })
    },
};

/// N = 4,000, d = 64, K = 20, every cluster of at least N / 40 rows: what the peer does in seconds.
pub(super) const CONSTRAINED: Case = Case {
    name: "k_means_constrained",
    prepare: |s| {
        write_blobs(
            &s.folder.join("constrained.npy"),
            s.size(4_000, 200),
            s.size(64, 8),
            12,
        )
    },
    start: |s| {
        let (clusters, least) = (s.size(20, 4), s.size(100, 20));
        round(s, "constrained.npy", clusters, move |rows, start| {
            let params = ConstrainedParams::new(clusters, MinSize::Rows(least)).start(start);
            // The cost of the peer, so that both solve the same steps.
            let params = params.cost(AssignmentCost::Distance).tolerance(0.0);
            let valid = params.max_iterations(5).check()?;
            Ok(valid.fit(rows, None, &mut StdRng::seed_from_u64(0))?)
        })
    },
};

/// As [`LLOYD`], two passes in batches of 1,024.
pub(super) const MINI_BATCH: Case = Case {
    name: "k_means_mini_batch",
    prepare: LLOYD.prepare,
    start: |s| {
        let clusters = s.size(64, 4);
        round(s, "k_means.npy", clusters, move |rows, start| {
            let params = MiniBatchParams::new(clusters).start(start).max_epochs(2);
            let valid = params.patience(None).check()?;
            Ok(valid.fit(rows, None, &mut StdRng::seed_from_u64(0))?)
        })
    },
};

/// A fit whose value is its inertia.
fn round(
    setting: &Setting,
    file: &str,
    clusters: usize,
    fit: impl Fn(&Matrix<'_, f32>, Start<f32>) -> anyhow::Result<KMeans<f32>> + 'static,
) -> anyhow::Result<Round> {
    let (values, dim) = read(&setting.folder.join(file))?;
    Ok(Box::new(move || {
        let rows = Matrix::new(&values, dim)?;
        let start = Start::Given(values[..clusters * dim].to_vec());
        Ok(fit(&rows, start)?.inertia())
    }))
}
