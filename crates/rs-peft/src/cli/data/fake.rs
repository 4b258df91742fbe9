//! `rs-peft data fake`: small stand-ins in the layouts of published data sets.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rs_peft::rs_datasets::catalog::{fake, open};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  rs-peft data fake eurosat_ms --output stand-in
  rs-peft data stats stand-in --dataset eurosat_ms
  rs-peft data fake dota --output boxes --count 20 --seed 3

The images are noise around a level that depends on their class (DOTA: synthetic scenes): they show that a command works, and nothing about imagery.";

/// Arguments of `data fake`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Name of a published data set; `rs-peft data list` lists them.
    name: String,
    /// Folder to write; it must not exist yet, or be empty.
    #[arg(long)]
    output: PathBuf,
    /// Samples per class, or scenes or images of the whole set where an image has no class; 2 to 10,000.
    #[arg(long, default_value_t = 8)]
    count: usize,
    /// Seed of the pixels.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let output = args.output.as_path();
    let entries = || -> std::io::Result<usize> {
        match std::fs::read_dir(output) {
            Ok(entries) => Ok(entries.count()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    };
    if entries().with_context(|| format!("cannot list {}", output.display()))? > 0 {
        bail!("{} is not empty; name another folder", output.display());
    }
    let parent = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent)
        .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    // Whole or not at all: written under another name beside its place. Dropped, it is removed.
    let fresh = tempfile::Builder::new()
        .prefix(".fake-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
    // The temporary folder itself is private to its owner.
    let staged = fresh.path().join("new");
    fake::write_by_name(&args.name, &staged, args.count, args.seed)?;
    let written = open(&args.name, &staged)?;
    let samples = written.len();
    drop(written);
    std::fs::rename(&staged, output)
        .with_context(|| format!("cannot write {}", output.display()))?;
    if args.json {
        let value =
            json!({ "path": output, "dataset": args.name, "samples": samples, "seed": args.seed });
        println!("{value}");
    } else {
        println!(
            "{}: {samples} samples in the layout of {}, no real data",
            output.display(),
            args.name
        );
    }
    Ok(())
}
