//! The five methods, and what they have in common once they are fitted.

use rs_peft::clustering::constrained::{ConstrainedParams, MinSize};
use rs_peft::clustering::dbscan::DbscanParams;
use rs_peft::clustering::hdbscan::{HdbscanParams, Selection};
use rs_peft::clustering::k_means::{KMeans, KMeansParams};
use rs_peft::clustering::mini_batch::MiniBatchParams;
use rs_peft::clustering::rows::RowSource;
use rs_peft::rs_datasets::stream;

use super::{Args, Method};

/// Starts of k-means where none are asked for; the best is kept.
const RESTARTS: usize = 4;

/// A clustering of any kind.
pub(super) struct Fitted {
    /// The cluster of every row; `None` is noise.
    pub(super) labels: Vec<Option<u32>>,
    /// Number of clusters.
    pub(super) clusters: usize,
    /// `[clusters, dim]`, of methods that have centres.
    pub(super) centres: Option<Vec<f32>>,
    /// How far the objective of k-means came.
    pub(super) objective: Option<Objective>,
    /// How strongly every row belongs to its cluster, of HDBSCAN.
    pub(super) strengths: Option<Vec<f64>>,
}

/// The end of a k-means.
pub(super) struct Objective {
    pub(super) inertia: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

impl From<KMeans<f32>> for Fitted {
    fn from(fitted: KMeans<f32>) -> Self {
        Self {
            labels: fitted.labels().iter().map(|&label| Some(label)).collect(),
            clusters: fitted.clusters(),
            centres: Some(fitted.centres().to_vec()),
            objective: Some(Objective {
                inertia: fitted.inertia(),
                iterations: fitted.iterations(),
                converged: fitted.converged(),
            }),
            strengths: None,
        }
    }
}

/// Clusters the rows as asked; which options go with which method was checked.
pub(super) fn fit(args: &Args, rows: &dyn RowSource<f32>) -> anyhow::Result<Fitted> {
    let mut rng = stream(&["cluster", &args.seed.to_string()]);
    let clusters = args.clusters.unwrap_or_default();
    let restarts = args.restarts.unwrap_or(RESTARTS);
    Ok(match args.method {
        Method::KMeans => {
            let mut params = KMeansParams::new(clusters).restarts(restarts);
            if let Some(most) = args.max_iterations {
                params = params.max_iterations(most);
            }
            params.check()?.fit(rows, None, &mut rng)?.into()
        }
        Method::MiniBatch => {
            let mut params = MiniBatchParams::new(clusters);
            if let Some(batch) = args.batch {
                params = params.batch(batch);
            }
            if let Some(most) = args.max_iterations {
                params = params.max_epochs(most);
            }
            params.check()?.fit(rows, None, &mut rng)?.into()
        }
        Method::Constrained => {
            let bound = match (args.rho, args.min_size) {
                (Some(rho), _) => MinSize::Balance { rho },
                (None, size) => MinSize::Rows(size.unwrap_or_default()),
            };
            let mut params = ConstrainedParams::new(clusters, bound).restarts(restarts);
            if let Some(most) = args.max_iterations {
                params = params.max_iterations(most);
            }
            params.check()?.fit(rows, None, &mut rng)?.into()
        }
        Method::Dbscan => {
            let mut params = DbscanParams::new(args.eps.unwrap_or_default());
            if let Some(neighbours) = args.min_samples {
                params = params.min_samples(neighbours as f64);
            }
            let fitted = params.check()?.fit(rows, None)?;
            Fitted {
                labels: fitted.labels().to_vec(),
                clusters: fitted.clusters(),
                centres: None,
                objective: None,
                strengths: None,
            }
        }
        Method::Hdbscan => {
            let mut params = HdbscanParams::default();
            if let Some(size) = args.min_cluster_size {
                params = params.min_cluster_size(size);
            }
            if let Some(rows) = args.min_samples {
                params = params.min_samples(rows);
            }
            if args.leaves {
                params = params.selection(Selection::Leaves);
            }
            let fitted = params.check()?.fit(rows)?;
            Fitted {
                labels: fitted.labels().to_vec(),
                clusters: fitted.clusters(),
                centres: None,
                objective: None,
                strengths: Some(fitted.strengths().to_vec()),
            }
        }
    })
}
