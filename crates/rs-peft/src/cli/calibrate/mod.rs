//! `rs-peft calibrate`: features of rare classes, moved towards their de-biased centres.

mod clusters;
mod official;
mod output;
mod paper;

use std::path::PathBuf;

use clap::ValueEnum;
use rs_peft::deblora_calib::{Classes, Features};

use super::feature_table::FeatureTable;
use super::row_labels::{LabelSource, RowLabels};
use super::usage;
use clusters::ClusterFile;

pub(super) use output::FORMAT;

const EXAMPLES: &str = "\
Examples:
  Classes by the folders of the images, clusters as debLoRA has them, calibrated rows behind the others:
    rs-peft cluster features.safetensors --method constrained --clusters 32 --rho 2.5 --output clusters.safetensors
    rs-peft calibrate features.safetensors --clusters clusters.safetensors --labels-from-folders --output calibrated.safetensors
  In place of the originals, classes from a table (columns file, label), and whether the premise holds on validation features:
    rs-peft calibrate train.safetensors --clusters clusters.safetensors --labels train.csv --mode replace \\
        --validation val.safetensors --validation-labels val.csv --output calibrated.safetensors
  As the released code does it, one class towards one cluster of standardised features:
    rs-peft calibrate train.safetensors --clusters standardised.safetensors --labels train.csv --official --class Ship --cluster 3 \\
        --output calibrated.safetensors

A row z of a tail class becomes alpha z + (1 - alpha) m, m the mean of the cluster means over the rows of the class, alpha = min(1, 10 / ratio) by default.
Nothing guarantees that m is nearer to the truth than the mean of the training rows: --validation measures it.";

/// Arguments of `calibrate`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Feature file of the training images (safetensors).
    features: PathBuf,
    /// Clusters of these features, as `rs-peft cluster` writes them.
    #[arg(long)]
    clusters: PathBuf,
    /// File to write (safetensors).
    #[arg(long)]
    output: PathBuf,
    /// The tensor of the feature files; may be left out where there is one.
    #[arg(long)]
    tensor: Option<String>,
    /// A CSV with a column `label` and, unless in the order of the rows, `file`; or an npy file of class indices.
    #[arg(long, required_unless_present = "labels_from_folders")]
    labels: Option<PathBuf>,
    /// The class of a row is the folder that holds its image.
    #[arg(long, conflicts_with = "labels")]
    labels_from_folders: bool,
    /// Class names in order, comma-separated. [default: all that occur, sorted]
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// What becomes of the rows that are moved.
    #[arg(long, value_enum, default_value = "append")]
    mode: ModeName,
    /// append, duplicate: how often.
    #[arg(long, default_value_t = 1)]
    copies: usize,
    #[command(flatten)]
    paper: paper::PaperOptions,
    #[command(flatten)]
    official: official::OfficialOptions,
    /// Features of images that training does not see: prints how far three centres of every tail class are from their means.
    #[arg(long, conflicts_with = "official")]
    validation: Option<PathBuf>,
    /// Their labels, as --labels.
    #[arg(long, requires = "validation")]
    validation_labels: Option<PathBuf>,
    /// Seed of what --vary draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What becomes of the rows that are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// Calibrated rows come behind all originals.
    Append,
    /// They take the originals' place.
    Replace,
    /// The control: the same rows come behind as they are.
    Duplicate,
}

impl ModeName {
    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Replace => "replace",
            Self::Duplicate => "duplicate",
        }
    }
}

/// The training rows with everything that is known about them.
struct Training<'a> {
    table: &'a FeatureTable,
    features: Features<'a, f32>,
    classes: Classes<'a>,
    names: &'a [String],
    clusters: ClusterFile,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.mode == ModeName::Replace && args.copies != 1 {
        return Err(usage("--copies", args.copies, "1 with --mode replace"));
    }
    let table = FeatureTable::open(&args.features, args.tensor.as_deref())?;
    let clusters = ClusterFile::read(&args.clusters, &table)?;
    let source = source(args.labels.as_ref(), args.labels_from_folders);
    let labels = RowLabels::read(&source, &table, &args.classes)?;
    let values = table.all()?;
    let training = Training {
        features: Features::new("the feature file", &values, table.dim())?,
        classes: Classes::new(&labels.labels, labels.classes.len())?,
        names: &labels.classes,
        table: &table,
        clusters,
    };
    if args.official.is_asked_for() {
        official::run(args, &training)
    } else {
        paper::run(args, &training)
    }
}

fn source(labels: Option<&PathBuf>, folders: bool) -> LabelSource<'_> {
    match labels {
        Some(path) if !folders => LabelSource::File(path),
        _ => LabelSource::Folders,
    }
}
