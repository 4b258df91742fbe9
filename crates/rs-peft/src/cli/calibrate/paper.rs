//! The calibration of the paper, with options for what it leaves open.

use anyhow::Context;
use clap::ValueEnum;
use rs_peft::deblora_calib::{
    AlphaDraw, AlphaRule, Calibration, ClassAlphas, ClassCentres, Classes, Clusters, Features,
    ImbalanceRatio, Mode, Noise, Tail, centre_distances, class_means, debiased_centres,
    nearest_for_noise,
};
use rs_peft::rs_datasets::stream;
use serde_json::{Value, json};

use super::super::feature_table::FeatureTable;
use super::super::row_labels::RowLabels;
use super::super::tensor_table::{Numbers, Tensor};
use super::{Args, ModeName, Training, output, source};

/// What the paper leaves open.
#[derive(clap::Args)]
pub(super) struct PaperOptions {
    /// What a class is compared with for its imbalance ratio.
    #[arg(long, value_enum, default_value = "largest-class")]
    ratio: RatioName,
    /// alpha = max(floor, min(1, numerator / ratio)): how much of a row stays.
    #[arg(long, default_value_t = 10.0)]
    numerator: f64,
    /// No class is moved further than this leaves of it; 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    floor: f64,
    /// Tail classes: those with a larger ratio. [default: 10]
    #[arg(long, group = "tail")]
    tail_above: Option<f64>,
    /// Tail classes: the smallest third.
    #[arg(long, group = "tail")]
    tail_third: bool,
    /// Tail classes: those with fewer rows.
    #[arg(long, group = "tail")]
    tail_fewer_than: Option<usize>,
    /// Tail classes: these, comma-separated.
    #[arg(long, group = "tail", value_delimiter = ',')]
    tail_classes: Vec<String>,
    /// Draw alpha uniformly between that of the class and 1, anew for every row and copy.
    #[arg(long)]
    vary: bool,
    /// What rows of noise do.
    #[arg(long, value_enum, default_value = "leave-out")]
    noise: NoiseName,
}

/// What a class is compared with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RatioName {
    /// Rows of the largest class over rows of this one.
    LargestClass,
    /// Mean rows of the head third over rows of this one.
    HeadMean,
    /// Mean rows of all classes over rows of this one.
    ClassMean,
    /// Rows of the largest class over rows of the smallest, the same for every class.
    WholeSet,
}

/// What rows of noise do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum NoiseName {
    /// They have no say in the centres.
    LeaveOut,
    /// Each is a cluster of its own.
    Itself,
    /// Each goes to the cluster with the nearest mean.
    Nearest,
}

impl PaperOptions {
    fn calibration(
        &self,
        mode: ModeName,
        copies: usize,
        names: &[String],
    ) -> anyhow::Result<Calibration> {
        let place = |class: &String| {
            let place = names.iter().position(|name| name == class);
            place.with_context(|| {
                format!(
                    "--tail-classes {class}: no such class; there are {}",
                    names.join(", ")
                )
            })
        };
        let tail = match (self.tail_above, self.tail_third, self.tail_fewer_than) {
            (Some(above), ..) => Tail::Imbalance { above },
            (_, true, _) => Tail::SmallestThird,
            (_, _, Some(rows)) => Tail::FewerThan(rows),
            _ if self.tail_classes.is_empty() => Tail::default(),
            _ => Tail::Classes(
                self.tail_classes
                    .iter()
                    .map(place)
                    .collect::<anyhow::Result<_>>()?,
            ),
        };
        Ok(Calibration {
            ratio: match self.ratio {
                RatioName::LargestClass => ImbalanceRatio::LargestClass,
                RatioName::HeadMean => ImbalanceRatio::HeadMean,
                RatioName::ClassMean => ImbalanceRatio::ClassMean,
                RatioName::WholeSet => ImbalanceRatio::WholeSet,
            },
            alpha: AlphaRule {
                numerator: self.numerator,
                floor: self.floor,
            },
            tail,
            mode: match mode {
                ModeName::Append => Mode::Append { copies },
                ModeName::Replace => Mode::Replace,
                ModeName::Duplicate => Mode::Duplicate { copies },
            },
            draw: match self.vary {
                true => AlphaDraw::Uniform,
                false => AlphaDraw::Fixed,
            },
        })
    }
}

pub(super) fn run(args: &Args, training: &Training<'_>) -> anyhow::Result<()> {
    let calibration = args
        .paper
        .calibration(args.mode, args.copies, training.names)?;
    let debiased = debias(args.paper.noise, training)?;
    let sizes = training.classes.sizes();
    let found = calibration.alphas(&sizes)?;
    let mut rng = stream(&["calibrate", &args.seed.to_string()]);
    let (features, classes) = (&training.features, &training.classes);
    let set = calibration.apply(features, classes, &debiased, &mut rng)?;
    let distances = match &args.validation {
        Some(path) => {
            let table = FeatureTable::open(path, Some(&training.table.tensor))?;
            Some(distances(args, training, &table, &debiased, &found)?)
        }
        None => None,
    };
    let dim = training.table.dim();
    let present: Vec<usize> = (0..debiased.classes())
        .filter(|&class| debiased.of(class).is_some())
        .collect();
    let centres: Vec<f32> = present
        .iter()
        .filter_map(|&class| debiased.of(class))
        .flatten()
        .copied()
        .collect();
    let extra: Vec<Tensor> = vec![
        (
            "debiased_centres",
            vec![present.len(), dim],
            Numbers::F32(centres),
        ),
        (
            "centre_classes",
            vec![present.len()],
            Numbers::I64(present.iter().map(|&c| c as i64).collect()),
        ),
    ];
    let rows: Vec<Value> = (0..sizes.len())
        .map(|class| {
            json!({
                "class": training.names[class], "rows": sizes[class],
                // A class without rows has an infinite ratio, which JSON cannot say.
                "ratio": Some(found.ratios[class]).filter(|ratio| ratio.is_finite()),
                "alpha": found.alphas[class], "tail": found.tail.contains(&class),
            })
        })
        .collect();
    let report = json!({
        "variant": "paper", "mode": args.mode.name(), "copies": args.copies, "seed": args.seed,
        "rows_before": features.rows(), "rows": set.rows(), "classes": rows, "distances": distances,
    });
    output::write(args, training, &set, extra, report)
}

/// The de-biased centre of every class.
fn debias(noise: NoiseName, training: &Training<'_>) -> anyhow::Result<ClassCentres<f32>> {
    let (features, file) = (&training.features, &training.clusters);
    let relabelled;
    let mut clusters = Clusters::new(&file.labels, file.count)?;
    let rule = match noise {
        NoiseName::LeaveOut => Noise::LeaveOut,
        NoiseName::Itself => Noise::Itself,
        NoiseName::Nearest => {
            relabelled = nearest_for_noise(features, &clusters, &file.means)?;
            clusters = Clusters::new(&relabelled, file.count)?;
            Noise::LeaveOut
        }
    };
    Ok(debiased_centres(
        features,
        &training.classes,
        &clusters,
        &file.means,
        rule,
    )?)
}

/// For every tail class with validation rows: how far three centres are from their mean.
fn distances(
    args: &Args,
    training: &Training<'_>,
    table: &FeatureTable,
    debiased: &ClassCentres<f32>,
    found: &ClassAlphas,
) -> anyhow::Result<Vec<Value>> {
    table.same_dim(training.table)?;
    let folders = args.validation_labels.is_none();
    let labels = RowLabels::read(
        &source(args.validation_labels.as_ref(), folders),
        table,
        training.names,
    )?;
    let values = table.all()?;
    let features = Features::new("the validation features", &values, table.dim())?;
    let truth = class_means(
        &features,
        &Classes::new(&labels.labels, labels.classes.len())?,
    )?;
    let tail: Vec<usize> = found
        .tail
        .iter()
        .copied()
        .filter(|&class| truth.of(class).is_some())
        .collect();
    let train = class_means(&training.features, &training.classes)?;
    let distances = centre_distances(&tail, &train, debiased, &truth, &found.alphas)?;
    let row = |distance: &rs_peft::deblora_calib::analysis::CentreDistance| {
        json!({
            "class": training.names[distance.class], "train": distance.train, "debiased": distance.debiased,
            "calibrated": distance.calibrated, "debiased_is_nearer": distance.debiased_is_nearer(),
        })
    };
    Ok(distances.iter().map(row).collect())
}
