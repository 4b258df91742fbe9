//! `rs-peft data`: what is done with images before a model sees them.

mod fake;
mod list;
mod long_tail;
mod parts;
mod source;
mod split;
mod stats;

use clap::Subcommand;

pub(super) use source::{DataSource, task_name};

use super::get;

const EXAMPLES: &str = "\
Examples:
  What is known, and a stand-in to try commands with:
    rs-peft data list
    rs-peft data fake eurosat_ms --output stand-in
  Statistics of the training part, and a split of one's own:
    rs-peft data stats stand-in --dataset eurosat_ms
    rs-peft data split chips --test 0.2 --seed 1 --output chips.split
    rs-peft data make-long-tail chips --split chips.split --imbalance 50 --output tail.split
    rs-peft data stats chips --split tail.split";

/// Arguments of `data`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the data sets that are known: task, classes, bands, licence, where they come from.
    List(list::Args),
    /// Statistics of every band over a part of a data set.
    Stats(stats::Args),
    /// Divide a data set into training, validation and test parts, and write the split.
    Split(split::Args),
    /// Make the training part of a split long-tailed.
    MakeLongTail(long_tail::Args),
    /// Write a small stand-in for a published data set in its real layout; it is no real data.
    Fake(fake::Args),
    /// Fetch published files by name and check their hash; the same as `rs-peft get`.
    Get(get::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::List(args) => list::run(args),
        What::Stats(args) => stats::run(args),
        What::Split(args) => split::run(args),
        What::MakeLongTail(args) => long_tail::run(args),
        What::Fake(args) => fake::run(args),
        What::Get(args) => get::run(args),
    }
}
