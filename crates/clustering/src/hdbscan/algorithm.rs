//! HDBSCAN (Campello, Moulavi and Sander 2013), with the numbers of scikit-learn.

use super::condensed::Condensed;
use super::errors::HdbscanError;
use super::params::ValidHdbscan;
use super::spanning_tree::{core_distances, dendrogram, spanning_tree};
use crate::error::reserve;
use crate::moments::{means, squared_norms};
use crate::rows::RowSource;
use crate::scalar::Scalar;

/// A fitted clustering.
#[derive(Debug, Clone, PartialEq)]
pub struct Hdbscan {
    labels: Vec<Option<u32>>,
    strengths: Vec<f64>,
    clusters: usize,
}

impl Hdbscan {
    /// The cluster of every row, `0..clusters`; `None` is noise. Clusters are numbered by their first row.
    pub fn labels(&self) -> &[Option<u32>] {
        &self.labels
    }

    /// How strongly every row belongs to its cluster, 0 to 1: its density over the cluster's highest; 0 for noise.
    pub fn strengths(&self) -> &[f64] {
        &self.strengths
    }

    /// Number of clusters; may be 0.
    pub fn clusters(&self) -> usize {
        self.clusters
    }
}

impl ValidHdbscan {
    /// Clusters the rows: single linkage under mutual reachability, splits that shed fewer than `min_cluster_size` rows ignored,
    /// clusters chosen by stability or as leaves.
    ///
    /// The rows are read into memory. Time: twice all pairs of rows, computed from exact differences, so reduce wide features first
    /// ([`crate::pca`]); memory: the rows and a few numbers per row. The result does not depend on the number of threads. Rows that
    /// are all equal have no density to tell them apart: without `allow_single_cluster` they are noise.
    ///
    /// # Errors
    /// No rows, NaN or infinite features, fewer rows than `min_samples`, a file that cannot be read, too little memory.
    pub fn fit<T: Scalar, S: RowSource<T> + ?Sized>(
        &self,
        source: &S,
    ) -> Result<Hdbscan, HdbscanError> {
        let params = &self.0;
        means(source)?;
        let (n, dim) = (source.rows(), source.dim());
        let min_samples = params.min_samples.unwrap_or(params.min_cluster_size);
        if n < min_samples {
            return Err(HdbscanError::FewerRows {
                rows: n,
                min_samples,
            });
        }
        squared_norms(source, &vec![T::default(); dim])?;
        let mut rows = reserve(
            "the table",
            n.checked_mul(dim),
            T::default(),
            "cluster a sample, or use DBSCAN, which reads blocks",
        )?;
        source.read(0, &mut rows)?;
        let core = core_distances(&rows, dim, min_samples);
        let merges = dendrogram(&spanning_tree(&rows, dim, &core));
        let tree = Condensed::new(&merges, n, params.min_cluster_size);
        let chosen = tree.select(params.selection, params.allow_single_cluster);
        let members = tree.members(&chosen);
        let mut numbers: Vec<Option<u32>> = vec![None; chosen.len()];
        let mut clusters = 0;
        let label = |member: &Option<(usize, f64)>| {
            let (cluster, _) = (*member)?;
            Some(*numbers[cluster].get_or_insert_with(|| {
                clusters += 1;
                clusters - 1
            }))
        };
        let labels = members.iter().map(label).collect();
        Ok(Hdbscan {
            labels,
            strengths: members.iter().map(|m| m.map_or(0.0, |m| m.1)).collect(),
            clusters: clusters as usize,
        })
    }
}
