//! The command-line program.

mod cli;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Adapt pretrained vision models to remote-sensing imagery.
#[derive(Parser)]
#[command(name = "rs-peft", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the experiments and write the report.
    Repro(cli::repro::Args),
    /// Pretrain a small backbone as a masked autoencoder on EuroSAT RGB.
    Pretrain(cli::pretrain::Args),
    /// Write features of images, from published weights.
    Embed(Box<cli::embed::Args>),
    /// Say what a checkpoint holds, without loading it.
    Inspect(cli::inspect::Args),
    /// Re-save a checkpoint with the description of its input, as experiments need it.
    Pack(cli::pack::Args),
    /// Fetch published weights by name and check their hash.
    Get(cli::get::Args),
    /// Score result files that any program may have written.
    Eval(cli::eval::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Repro(args) => cli::repro::run(&args),
        Command::Pretrain(args) => cli::pretrain::run(&args),
        Command::Embed(args) => cli::embed::run(&args),
        Command::Inspect(args) => cli::inspect::run(&args),
        Command::Pack(args) => cli::pack::run(&args),
        Command::Get(args) => cli::get::run(&args),
        Command::Eval(args) => cli::eval::run(&args),
    }
}
