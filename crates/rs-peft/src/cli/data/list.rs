//! `rs-peft data list`: the data sets that are known.

use anyhow::ensure;
use rs_peft::rs_datasets::catalog::{DATASETS, KnownDataset, known_datasets};
use serde_json::json;

use super::source::task_name;

const EXAMPLES: &str = "\
Examples:
  rs-peft data list
  rs-peft data list --only floods --json";

/// Arguments of `data list`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only data sets whose name or description contains this, in lower case.
    #[arg(long)]
    only: Option<String>,
    /// Print everything that is known, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let part = args.only.as_deref().unwrap_or_default();
    let matches =
        |name: &str, about: &str| name.contains(part) || about.to_lowercase().contains(part);
    let mut known = known_datasets()?;
    // Readers of images of one's own have neither classes nor bands before there are images.
    let mut own: Vec<(&str, &str)> = DATASETS
        .into_iter()
        .filter(|(name, _)| known.iter().all(|known| known.name != *name))
        .collect();
    known.retain(|known| matches(known.name, known.about));
    own.retain(|(name, about)| matches(name, about));
    ensure!(
        !known.is_empty() || !own.is_empty(),
        "no data set contains `{part}`; `rs-peft data list` lists all"
    );
    if args.json {
        let mut rows: Vec<_> = known.iter().map(as_json).collect();
        rows.extend(
            own.iter()
                .map(|(name, about)| json!({ "name": name, "about": about })),
        );
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    println!(
        "{:<32}{:<16}{:>8}{:>7}{:>9}  licence",
        "name", "task", "classes", "bands", "samples"
    );
    for known in &known {
        let samples = known.info.expected.map_or("-".into(), |n| n.to_string());
        println!(
            "{:<32}{:<16}{:>8}{:>7}{samples:>9}  {}",
            known.name,
            task_name(known.info.task),
            known.classes.len(),
            known.bands.len(),
            known.info.licence
        );
        println!("    {}\n    {}", known.about, known.info.source);
    }
    for (name, about) in own {
        println!("{name:<32}one's own\n    {about}");
    }
    Ok(())
}

fn as_json(known: &KnownDataset) -> serde_json::Value {
    json!({
        "name": known.name,
        "about": known.about,
        "task": task_name(known.info.task),
        "classes": known.classes,
        "bands": known.bands,
        "samples": known.info.expected,
        "licence": known.info.licence,
        "citation": known.info.citation,
        "source": known.info.source,
    })
}
