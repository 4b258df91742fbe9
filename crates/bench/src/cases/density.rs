//! DBSCAN and HDBSCAN: the value is the number of clusters.

use clustering::dbscan::DbscanParams;
use clustering::hdbscan::HdbscanParams;
use clustering::rows::Matrix;

use super::numbers::{read, write_blobs};
use crate::case::{Case, Setting};

/// N = 10,000, d = 32.
fn prepare(setting: &Setting) -> anyhow::Result<()> {
    let rows = setting.count(10_000, 300);
    write_blobs(&setting.folder.join("density.npy"), rows, 32, 12)
}

/// Radius 7: about the distance of neighbours within a blob.
pub(super) const DBSCAN: Case = Case {
    name: "dbscan",
    prepare,
    start: |setting| {
        let (values, dim) = read(&setting.folder.join("density.npy"))?;
        let valid = DbscanParams::new(7.0).min_samples(5.0).check()?;
        Ok(Box::new(move || {
            let rows = Matrix::new(&values, dim)?;
            Ok(valid.fit(&rows, None)?.clusters() as f64)
        }))
    },
};

/// Clusters of at least 50 rows.
pub(super) const HDBSCAN: Case = Case {
    name: "hdbscan",
    prepare,
    start: |setting| {
        let (values, dim) = read(&setting.folder.join("density.npy"))?;
        let valid = HdbscanParams::default().min_cluster_size(50).check()?;
        Ok(Box::new(move || {
            let rows = Matrix::new(&values, dim)?;
            Ok(valid.fit(&rows)?.clusters() as f64)
        }))
    },
};
