//! `rs-peft data split`: stratified parts, written as a split file.

use std::path::PathBuf;

use rs_peft::rs_datasets::{stratified, stratified_groups};

use super::super::usage;
use super::parts;
use super::source::{DataSource, labels};

const EXAMPLES: &str = "\
Examples:
  rs-peft data split chips --test 0.2 --seed 1 --output chips.split
  Three parts, of which the training part keeps 5 % of its labels:
    rs-peft data split eurosat --dataset eurosat_rgb --test 0.2 --validation 0.1 --label-fraction 0.05 --output few.split
  Chips of one scene (their id up to the last _) in one part:
    rs-peft data split chips --group-until _ --output scenes.split

The classes have the same share of every part. Which samples a part takes depends on ids, classes and seed alone: not on the order of files, and not on
a random-number generator (the order is that of the SHA-256 of `SEED:ID`). The file is text, with its own SHA-256 in it.";

/// Arguments of `data split`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    source: DataSource,
    /// Split file to write.
    #[arg(long)]
    output: PathBuf,
    /// Share of the samples in the part `test`.
    #[arg(long, default_value_t = 0.2)]
    test: f64,
    /// Share of the samples in the part `validation`; 0 for none.
    #[arg(long, default_value_t = 0.0)]
    validation: f64,
    /// Share of the labels that the part `train` keeps, at least one sample of every class.
    #[arg(long)]
    label_fraction: Option<f64>,
    /// Samples whose ids are the same up to the last of this text stay together.
    #[arg(long, value_name = "TEXT")]
    group_until: Option<String>,
    /// Seed of the order.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if !(args.test > 0.0 && args.validation >= 0.0 && args.test + args.validation < 1.0) {
        return Err(usage(
            "shares of the parts",
            format!("--test {} and --validation {}", args.test, args.validation),
            "a share above 0, one of at least 0, and something left for training",
        ));
    }
    let dataset = args.source.open()?;
    let table = labels(&*dataset)?;
    let train = 1.0 - args.test - args.validation;
    // In the order in which experiments draw them, so that a split here is the one of an experiment with that seed.
    let mut shares = vec![("test", args.test), ("train", train)];
    if args.validation > 0.0 {
        shares.insert(1, ("validation", args.validation));
    }
    let name = format!("{}-seed{}", dataset.name(), args.seed);
    let split = match args.group_until.as_deref() {
        None => stratified(&table, &name, &shares, args.seed)?,
        Some("") => {
            return Err(usage("--group-until", "nothing", "a text, such as _ or /"));
        }
        Some(until) => {
            let group = |id: &str| {
                id.rsplit_once(until)
                    .map_or(id, |(group, _)| group)
                    .to_owned()
            };
            let table = table.clone().with_groups(group);
            stratified_groups(&table, &name, &shares, args.seed)?
        }
    };
    let split = match args.label_fraction {
        Some(fraction) => split.label_fraction("train", &table, fraction, args.seed)?,
        None => split,
    };
    parts::write(&split, &table, &args.output, args.json)
}
