//! `rs-peft data make-long-tail`: an exponential profile of class sizes.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use rs_peft::rs_datasets::{LongTail, Task};

use super::parts::{self, PartOf};
use super::source::{DataSource, labels};

const EXAMPLES: &str = "\
Examples:
  The training part of a split, its largest class fifty times its smallest:
    rs-peft data make-long-tail chips --split chips.split --imbalance 50 --output tail.split
  At most 1,000 samples of a class, the order of the classes given, from head to tail:
    rs-peft data make-long-tail eurosat --dataset eurosat_rgb --split e.split --imbalance 100 --n-max 1000 \\
        --order Forest,River,SeaLake,Highway,Pasture,Residential,Industrial,AnnualCrop,PermanentCrop,HerbaceousVegetation --output tail.split

The i-th of C classes keeps N R^(-i/(C-1)) samples (Cui et al. 2019), N those of the largest class and R the imbalance. The other parts stay as they are.";

/// Arguments of `data make-long-tail`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    source: DataSource,
    #[command(flatten)]
    part: PartOf,
    /// Split file to write.
    #[arg(long)]
    output: PathBuf,
    /// Samples of the largest class over those of the smallest, at least 1.
    #[arg(long)]
    imbalance: f64,
    /// Samples of the largest class. [default: the most that the data allow]
    #[arg(long)]
    n_max: Option<usize>,
    /// Classes from head to tail. [default: an order drawn by the seed]
    #[arg(long, value_delimiter = ',')]
    order: Vec<String>,
    /// Seed of the order of the classes, and of which samples stay.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let dataset = args.source.open()?;
    ensure!(
        dataset.info().task == Task::Classification,
        "{} has no class per image, so no class can be rare; a long tail is for classification",
        dataset.name()
    );
    let table = labels(&*dataset)?;
    let (split, part) = args.part.find(&*dataset, "train")?;
    let place = |name: &String| {
        let place = table.classes().iter().position(|class| class == name);
        place.with_context(|| {
            format!(
                "--order {name}: no such class; there are {}",
                table.classes().join(", ")
            )
        })
    };
    let order: Vec<usize> = args
        .order
        .iter()
        .map(place)
        .collect::<anyhow::Result<_>>()?;
    let profile = LongTail {
        imbalance_factor: args.imbalance,
        n_max: args.n_max,
        order: (!order.is_empty()).then_some(order),
    };
    let split = split.long_tail(&part, &table, &profile, args.seed)?;
    parts::write(&split, &table, &args.output, args.json)
}
