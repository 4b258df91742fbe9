//! The project's own chores, one file per command.
//!
//! This program links none of the numerical crates, so it builds in seconds; `repro` and `pretrain` build and run the
//! `rs-peft` program in release mode with the backend's feature.

mod backends;
mod bench;
mod book;
mod ci;
mod golden;
mod repro;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the experiments and write the report (synthetic scenes; with --data DIR also real imagery).
    Repro(repro::Forwarded),
    /// Pretrain the shipped backbone as a masked autoencoder on EuroSAT RGB.
    Pretrain(repro::Forwarded),
    /// Re-export the goldens with the published Python implementations.
    Golden(golden::Args),
    /// Run the suites of the backend matrix and publish the largest error of each backend.
    Backends(backends::Args),
    /// Time every case beside its peer, in turns.
    Bench(bench::Args),
    /// Write the pages of the book that are made from the code; with --html the book.
    Book(book::Args),
    /// Check the repository's own invariants.
    Tidy,
    /// Everything CI runs: format, clippy, docs, tidy, tests.
    Ci,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Repro(args) => repro::run("repro", &args),
        Command::Pretrain(args) => repro::run("pretrain", &args),
        Command::Golden(args) => golden::run(&args),
        Command::Backends(args) => backends::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Book(args) => book::run(&args),
        Command::Tidy => tidy::run(),
        Command::Ci => ci::run(),
    }
}
