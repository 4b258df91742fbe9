//! `rs-peft data stats`: moments of every band over a part of a data set.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use rs_peft::rs_datasets::io::write_atomically;
use rs_peft::rs_datasets::{
    BandSummary, Pipeline, SelectBands, StatisticsSource, Step, Summary, summarise_bands,
};
use serde_json::{Value, json};

use super::parts::PartOf;
use super::source::DataSource;

const EXAMPLES: &str = "\
Examples:
  The training part of a data set that comes in parts, every sample of one that does not:
    rs-peft data stats eurosat --dataset eurosat_ms
    rs-peft data stats chips
  Another part of a split of one's own, for a script:
    rs-peft data stats chips --split chips.split --part test --json
  Means and deviations as the rest of the program keeps them (bands, mean, std, unit, source):
    rs-peft data stats chips --split chips.split --output statistics.json

Images are read once, in parallel; memory is that of the images in hand. Statistics for training are those of the training part.";

/// Arguments of `data stats`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    source: DataSource,
    #[command(flatten)]
    part: PartOf,
    /// Only these bands, comma-separated, in this order.
    #[arg(long, value_delimiter = ',')]
    bands: Vec<String>,
    /// Write means and deviations with their source to this file (JSON).
    #[arg(long)]
    output: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let dataset = args.source.open()?;
    for name in &args.bands {
        dataset.bands().index_of(name)?;
    }
    let (split, part) = args.part.or_all(&*dataset)?;
    let indices = split.indices(&part, &*dataset)?;
    let pipeline = match args.bands.as_slice() {
        [] => Pipeline::default(),
        bands => Pipeline {
            steps: vec![Step::SelectBands(SelectBands {
                bands: bands.to_vec(),
            })],
        },
    };
    let bar = ProgressBar::new(indices.len() as u64);
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} images  {elapsed} gone, {eta} left",
    )?);
    let summary = summarise_bands(&*dataset, &indices, &pipeline, &mut |done| {
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let source = StatisticsSource::Split {
        dataset: dataset.name().into(),
        split_sha256: split.sha256(),
        part: part.clone(),
    };
    if args.json {
        let value = json!({
            "dataset": dataset.name(),
            "split": { "name": split.name(), "rule": split.rule(), "sha256": split.sha256() },
            "part": part,
            "images": summary.images,
            "unit": summary.unit,
            "bands": summary.bands.iter().map(as_json).collect::<Vec<_>>(),
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        println!("data set  {}", dataset.name());
        println!(
            "part      {part} of {} ({}), sha256 {}",
            split.name(),
            split.rule(),
            split.sha256()
        );
        println!("images    {}", summary.images);
        println!("unit      {}\n", serde_json::to_string(&summary.unit)?);
        print!("{}", table(&summary));
    }
    if let Some(path) = &args.output {
        let statistics = summary.statistics(source)?;
        let text = serde_json::to_string_pretty(&statistics)? + "\n";
        write_atomically(path, text.as_bytes())?;
        if !args.json {
            println!("\n{}", path.display());
        }
    }
    Ok(())
}

fn as_json(band: &BandSummary) -> Value {
    json!({
        "name": band.name, "valid": band.valid, "missing": band.missing, "missing_share": band.missing_share(),
        "min": band.min, "max": band.max, "mean": band.mean, "std": band.std,
    })
}

/// One band per line.
fn table(summary: &Summary) -> String {
    let longest = summary.bands.iter().map(|band| band.name.chars().count());
    let width = longest.max().unwrap_or(0).max(4) + 2;
    let mut text = format!(
        "{:<width$}{:>14}{:>10}{:>15}{:>15}{:>15}{:>15}\n",
        "band", "valid pixels", "missing", "min", "max", "mean", "std"
    );
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.6}"));
    for band in &summary.bands {
        text.push_str(&format!(
            "{:<width$}{:>14}{:>9.2}%{:>15}{:>15}{:>15}{:>15}\n",
            band.name,
            band.valid,
            100.0 * band.missing_share(),
            number(band.min),
            number(band.max),
            number(band.mean),
            number(band.std)
        ));
    }
    text
}
