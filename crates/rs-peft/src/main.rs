//! The command-line program.

mod cli;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use rs_peft::adapt::AdaptError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; the message says why and what to do
  2  the command line cannot be: an unknown flag, value or combination
Where the reader of a pipe closes it, the program ends without a word, by the signal SIGPIPE.";

/// Adapt pretrained vision models to remote-sensing imagery.
#[derive(Parser)]
#[command(name = "rs-peft", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Adapt a backbone to labelled images of one's own and write a model directory.
    Adapt(Box<cli::adapt::Args>),
    /// Say what a model makes of images.
    Predict(cli::predict::Args),
    /// Map a whole scene: a GeoTIFF larger than memory in, a georeferenced map of classes out.
    Map(cli::scene::Args),
    /// Run the experiments and write the report.
    Repro(cli::repro::Args),
    /// Pretrain a small backbone as a masked autoencoder on EuroSAT RGB.
    Pretrain(cli::pretrain::Args),
    /// Write features of images, from published weights.
    Embed(Box<cli::embed::Args>),
    /// Cluster the rows of a feature file.
    Cluster(Box<cli::cluster::Args>),
    /// Move the features of rare classes towards their de-biased centres, as debLoRA does.
    Calibrate(Box<cli::calibrate::Args>),
    /// Say what a checkpoint, an adapter, an image or a data set holds, without loading it.
    Inspect(cli::inspect::Args),
    /// Re-save a checkpoint with the description of its input, as experiments need it.
    Pack(cli::pack::Args),
    /// Fetch published weights by name and check their hash.
    Get(cli::get::Args),
    /// Data sets: list, statistics, splits, long tails, stand-ins.
    Data(Box<cli::data::Args>),
    /// Score a model, or result files that any program may have written.
    Eval(cli::eval::Args),
    /// Write a model for timm, transformers or peft.
    Export(cli::export::Args),
    /// Write the adapter of a model into its backbone.
    Merge(cli::merge::Args),
    /// List the methods, with the parameters each trains.
    Methods(cli::methods::Args),
    /// List the published backbones that are known.
    Models(cli::models::Args),
    /// Write synthetic images, labels or the backbone to a folder, to try the other commands on.
    Sample(cli::sample::Args),
    /// Print a page of the book.
    #[command(hide = true)]
    Reference(cli::reference::Args),
    /// Print completions for a shell.
    Completions {
        /// bash, elvish, fish, powershell or zsh.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    // `rs-peft models | head -1` is no failure: without this, printing into a closed pipe would panic. Elsewhere than on Unix it does nothing.
    sigpipe::reset();
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let usage = error
                .chain()
                .filter_map(|cause| cause.downcast_ref::<AdaptError>())
                .find(|error| matches!(error, AdaptError::Usage { .. }));
            match usage {
                // As the parser of the command line puts it.
                Some(usage) => eprintln!("error: {usage}"),
                None => eprintln!("Error: {error:?}"),
            }
            ExitCode::from(if usage.is_some() { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Adapt(args) => cli::adapt::run(&args),
        Command::Predict(args) => cli::predict::run(&args),
        Command::Map(args) => cli::scene::run(&args),
        Command::Repro(args) => cli::repro::run(&args),
        Command::Pretrain(args) => cli::pretrain::run(&args),
        Command::Embed(args) => cli::embed::run(&args),
        Command::Cluster(args) => cli::cluster::run(&args),
        Command::Calibrate(args) => cli::calibrate::run(&args),
        Command::Inspect(args) => cli::inspect::run(&args),
        Command::Pack(args) => cli::pack::run(&args),
        Command::Get(args) => cli::get::run(&args),
        Command::Data(args) => cli::data::run(&args),
        Command::Eval(args) => cli::eval::run(&args),
        Command::Export(args) => cli::export::run(&args),
        Command::Merge(args) => cli::merge::run(&args),
        Command::Methods(args) => cli::methods::run(&args),
        Command::Models(args) => cli::models::run(&args),
        Command::Sample(args) => cli::sample::run(&args),
        Command::Reference(args) => cli::reference::run(&args, Cli::command()),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "rs-peft", &mut std::io::stdout());
            Ok(())
        }
    }
}
