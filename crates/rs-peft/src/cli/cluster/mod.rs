//! `rs-peft cluster`: clusters of a feature file.

mod fit;
mod means;
mod output;

use std::path::PathBuf;

use clap::ValueEnum;
use rs_peft::clustering::pca::{Components, Pca, PcaParams};
use rs_peft::clustering::rows::RowSource;
use rs_peft::clustering::scaler::StandardScaler;

use super::feature_table::FeatureTable;
use super::usage;

pub(super) use output::{FORMAT, MADE_BY};

const EXAMPLES: &str = "\
Examples:
  Features of a folder, ten clusters:
    rs-peft embed --model dino_vit_small_16 --weights FILE --input chips/*.png --output features.safetensors
    rs-peft cluster features.safetensors --clusters 10 --output clusters.safetensors
  As debLoRA constrains them: no cluster below 1/(2.5 K) of the rows:
    rs-peft cluster features.safetensors --method constrained --clusters 32 --rho 2.5 --output clusters.safetensors
  By density, after a standardisation and 32 principal components:
    rs-peft cluster features.safetensors --method hdbscan --standardise --pca 32 --output clusters.safetensors
  A table larger than memory:
    rs-peft cluster features.safetensors --method mini-batch --clusters 64 --output clusters.safetensors --json

The file that is written holds `assignment` (a cluster per row, -1 for noise), `means` (the mean of every cluster's rows, in the features' own units) and
`centres` (those of the method, in the space that was clustered). docs/features.md describes it.";

/// Arguments of `cluster`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Feature file, as `rs-peft embed` or a training stage writes it (safetensors).
    features: PathBuf,
    /// File of clusters to write (safetensors).
    #[arg(long)]
    output: PathBuf,
    /// The tensor of the file, [rows, features]; may be left out where there is one.
    #[arg(long)]
    tensor: Option<String>,
    /// How rows are clustered.
    #[arg(long, value_enum, default_value = "k-means")]
    method: Method,
    /// Number of clusters, of k-means in its three forms.
    #[arg(long)]
    clusters: Option<usize>,
    /// constrained: every cluster has at least N / (K rho) rows; at least 1.
    #[arg(long, conflicts_with = "min_size")]
    rho: Option<f64>,
    /// constrained: every cluster has at least this many rows.
    #[arg(long)]
    min_size: Option<usize>,
    /// k-means, constrained: starts, of which the best is kept. [default: 4]
    #[arg(long)]
    restarts: Option<usize>,
    /// k-means, constrained: most iterations; mini-batch: most passes. [default: 300; 100]
    #[arg(long)]
    max_iterations: Option<usize>,
    /// mini-batch: rows per batch. [default: 1024]
    #[arg(long)]
    batch: Option<usize>,
    /// dbscan: rows within this distance are neighbours.
    #[arg(long)]
    eps: Option<f64>,
    /// dbscan: neighbours that make a core row [default: 5]; hdbscan: rows of the ball that gives the density [default: --min-cluster-size]
    #[arg(long)]
    min_samples: Option<usize>,
    /// hdbscan: the fewest rows of a cluster. [default: 5]
    #[arg(long)]
    min_cluster_size: Option<usize>,
    /// hdbscan: the leaves of the tree, more and smaller clusters.
    #[arg(long)]
    leaves: bool,
    /// Bring every feature to mean 0 and deviation 1 first.
    #[arg(long)]
    standardise: bool,
    /// Then project to so many principal components, or to those that explain a share such as 0.95 of the variance.
    #[arg(long)]
    pca: Option<f64>,
    /// Bring the components to deviation 1.
    #[arg(long, requires = "pca")]
    whiten: bool,
    /// Rows, drawn by the seed, over which the silhouette is computed; 0 for none.
    #[arg(long, default_value_t = 2000)]
    silhouette_rows: usize,
    /// Seed of the starts and of what is drawn.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How rows are clustered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Lloyd's algorithm from k-means++.
    KMeans,
    /// The same objective by random batches, for large tables.
    MiniBatch,
    /// The same objective with a least size of clusters, every assignment exact.
    Constrained,
    /// Clusters by density, with noise.
    Dbscan,
    /// Clusters by density at every scale, with noise.
    Hdbscan,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::KMeans => "k-means",
            Self::MiniBatch => "mini-batch",
            Self::Constrained => "constrained",
            Self::Dbscan => "dbscan",
            Self::Hdbscan => "hdbscan",
        }
    }
}

/// What was done to the rows before they were clustered.
struct Space {
    scaler: Option<StandardScaler>,
    pca: Option<Pca>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    check(args)?;
    let table = FeatureTable::open(&args.features, args.tensor.as_deref())?.cached()?;
    let scaler = match args.standardise {
        true => Some(StandardScaler::fit(&table)?),
        false => None,
    };
    let rows: Box<dyn RowSource<f32> + '_> = match &scaler {
        Some(scaler) => Box::new(scaler.over(&table)?),
        None => Box::new(&table),
    };
    let pca = match args.pca {
        Some(components) => {
            let params = PcaParams::new(kept(components)?).whiten(args.whiten);
            Some(params.check()?.fit(&*rows)?)
        }
        None => None,
    };
    let rows: Box<dyn RowSource<f32> + '_> = match &pca {
        Some(pca) => Box::new(pca.over(BoxedRows(rows))?),
        None => rows,
    };
    let fitted = fit::fit(args, &*rows)?;
    let silhouette =
        means::silhouette_of_sample(&*rows, &fitted.labels, args.silhouette_rows, args.seed)?;
    let space = Space {
        pca: pca.clone(),
        scaler: scaler.clone(),
    };
    output::write(args, &table, &*rows, &space, &fitted, silhouette)
}

/// Rows behind a box as a source that another one can be built on.
struct BoxedRows<'a>(Box<dyn RowSource<f32> + 'a>);

impl RowSource<f32> for BoxedRows<'_> {
    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn read(&self, first: usize, out: &mut [f32]) -> Result<(), rs_peft::clustering::InputError> {
        self.0.read(first, out)
    }
}

/// A whole number of components, or a share of the variance.
fn kept(components: f64) -> anyhow::Result<Components> {
    if components > 0.0 && components < 1.0 {
        return Ok(Components::Variance(components));
    }
    if components.fract() == 0.0 && (1.0..=1e9).contains(&components) {
        return Ok(Components::Count(components as usize));
    }
    Err(usage(
        "--pca",
        components,
        "a whole number of at least 1, or a share above 0 and below 1",
    ))
}

/// Refuses options of another method.
fn check(args: &Args) -> anyhow::Result<()> {
    use Method::{Constrained, Dbscan, Hdbscan, KMeans, MiniBatch};
    let means = &[KMeans, MiniBatch, Constrained][..];
    let given: [(&str, bool, &[Method]); 9] = [
        ("--clusters", args.clusters.is_some(), means),
        ("--rho", args.rho.is_some(), &[Constrained]),
        ("--min-size", args.min_size.is_some(), &[Constrained]),
        (
            "--restarts",
            args.restarts.is_some(),
            &[KMeans, Constrained],
        ),
        ("--max-iterations", args.max_iterations.is_some(), means),
        ("--batch", args.batch.is_some(), &[MiniBatch]),
        ("--eps", args.eps.is_some(), &[Dbscan]),
        (
            "--min-samples",
            args.min_samples.is_some(),
            &[Dbscan, Hdbscan],
        ),
        (
            "--min-cluster-size or --leaves",
            args.min_cluster_size.is_some() || args.leaves,
            &[Hdbscan],
        ),
    ];
    for (flag, given, methods) in given {
        if given && !methods.contains(&args.method) {
            let names: Vec<_> = methods.iter().map(|method| method.name()).collect();
            return Err(usage(
                flag,
                format!("--method {}", args.method.name()),
                format!("--method {}, which takes it", names.join(" or ")),
            ));
        }
    }
    if means.contains(&args.method) && args.clusters.is_none() {
        return Err(usage(
            "--clusters",
            "nothing",
            "a number of clusters, at least 1",
        ));
    }
    if args.method == Constrained && args.rho.is_none() && args.min_size.is_none() {
        return Err(usage(
            "--method constrained",
            "no bound",
            "--rho R or --min-size N",
        ));
    }
    if args.method == Dbscan && args.eps.is_none() {
        return Err(usage("--eps", "nothing", "a distance above 0"));
    }
    Ok(())
}
