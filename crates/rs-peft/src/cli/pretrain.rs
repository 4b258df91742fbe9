//! `rs-peft pretrain`: the shipped backbone, from EuroSAT RGB.

use std::path::PathBuf;

use rs_peft::pretrain::{PretrainConfig, PretrainRun};
use rs_peft::{BackendKind, dispatch};

use super::clock;

/// Arguments of `pretrain`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder with EuroSAT_RGB.zip and eurosat_ms/.
    #[arg(long)]
    data: PathBuf,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
    /// Checkpoint to write; the training state goes beside it and a killed run goes on from there.
    #[arg(long, default_value = "out/pretrain/backbone.safetensors")]
    output: PathBuf,
    /// Passes over the data.
    #[arg(long)]
    epochs: Option<usize>,
    /// Images per step.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Seed of initialisation, order, augmentation and masks.
    #[arg(long)]
    seed: Option<u64>,
    /// At most this many images, for trying things out.
    #[arg(long)]
    limit: Option<usize>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut config = PretrainConfig::default();
    config.epochs = args.epochs.unwrap_or(config.epochs);
    config.batch_size = args.batch_size.unwrap_or(config.batch_size);
    config.seed = args.seed.unwrap_or(config.seed);
    config.limit = args.limit;
    let clock = clock();
    let run = PretrainRun {
        config: &config,
        data: &args.data,
        output: &args.output,
        clock: Box::new(clock),
    };
    let summary = dispatch(args.backend, run)??;
    println!("{summary}");
    Ok(())
}
