//! One case of `cargo xtask bench`, timed round by round on request, so that two programs can take turns.
//!
//! `bench CASE --folder DIR --prepare` writes the input that the case and its peer share. `bench CASE --folder DIR` sets the case up, runs
//! one round to warm up and prints `{"ready": true}`; then for every line on standard input it runs a round and prints
//! `{"seconds": ..., "value": ...}`; at the end of input it prints `{"peak_bytes": ...}`. The peers in `benches/peers` do the same.

mod case;
mod cases;

use std::io::BufRead;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use serde_json::json;

use case::Setting;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One case, timed on request.
#[derive(Parser)]
struct Args {
    /// Name of the case; `list` prints all.
    case: String,
    /// Where the shared input lies.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Folder with real imagery, for the cases that read it.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A size that takes a fraction of a second, for tests.
    #[arg(long)]
    small: bool,
    /// How many times as many rows or images, for the cases that can have more or fewer.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Write the shared input and end.
    #[arg(long)]
    prepare: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if args.case == "list" {
        cases::ALL.iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    }
    let known = || cases::ALL.map(|case| case.name).join(", ");
    let found = cases::ALL.iter().find(|case| case.name == args.case);
    let case = found.with_context(|| format!("no case `{}`; one of {}", args.case, known()))?;
    let setting = Setting {
        folder: args.folder,
        data: args.data,
        small: args.small,
        scale: args.scale,
    };
    if args.prepare {
        return (case.prepare)(&setting);
    }
    let mut round = (case.start)(&setting)?;
    round()?;
    println!("{}", json!({ "ready": true }));
    for line in std::io::stdin().lock().lines() {
        line?;
        let began = Instant::now();
        let value = round()?;
        let seconds = began.elapsed().as_secs_f64();
        println!("{}", json!({ "seconds": seconds, "value": value }));
    }
    println!("{}", json!({ "peak_bytes": training::peak_rss_bytes() }));
    Ok(())
}
