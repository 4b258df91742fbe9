//! The clusters of the training rows, from the file that `cluster` wrote.

use std::path::Path;

use anyhow::{Context, ensure};

use super::super::cluster;
use super::super::feature_table::FeatureTable;
use super::super::tensor_table;

/// Clusters of the rows of a feature file.
pub(super) struct ClusterFile {
    /// The cluster of every row; `None` is noise.
    pub(super) labels: Vec<Option<u32>>,
    /// Number of clusters.
    pub(super) count: usize,
    /// The mean of every cluster's rows, `[clusters, dim]`, in the features' units.
    pub(super) means: Vec<f32>,
    /// Those of the method, in the space that was clustered.
    pub(super) centres: Vec<f32>,
    /// Whether that space was standardised, and nothing else.
    pub(super) standardised: bool,
}

impl ClusterFile {
    /// Reads the clusters of `table`.
    pub(super) fn read(path: &Path, table: &FeatureTable) -> anyhow::Result<Self> {
        let mut file = tensor_table::read(path, cluster::FORMAT, cluster::MADE_BY)?;
        let name = path.display();
        let about = |key: &str| file.metadata.get(key).map_or("", String::as_str);
        ensure!(
            about("features_sha256") == table.sha256 && about("tensor") == table.tensor,
            "{name} holds clusters of the tensor `{}` of a file with SHA-256 {}, not of `{}` of {} ({}); cluster these features",
            about("tensor"),
            about("features_sha256"),
            table.tensor,
            table.path.display(),
            table.sha256
        );
        let (shape, means) = file.take_f32("means").with_context(|| name.to_string())?;
        let (_, centres) = file.take_f32("centres").with_context(|| name.to_string())?;
        let assignment = file
            .take_i64("assignment")
            .with_context(|| name.to_string())?;
        let scaler = file.take_f64("scaler.mean")?.is_some();
        let projected = file.take_f64("pca.mean")?.is_some();
        let count = shape.first().copied().unwrap_or_default();
        let label = |(row, &label): (usize, &i64)| match label {
            -1 => Ok(None),
            label => u32::try_from(label)
                .ok()
                .map(Some)
                .with_context(|| format!("{name}: row {row} is in cluster {label}")),
        };
        let labels = assignment
            .iter()
            .enumerate()
            .map(label)
            .collect::<anyhow::Result<_>>()?;
        ensure!(
            count > 0,
            "{name}: every row is noise; cluster with a larger --eps or a smaller --min-cluster-size"
        );
        Ok(Self {
            labels,
            count,
            means,
            centres,
            standardised: scaler && !projected,
        })
    }
}
