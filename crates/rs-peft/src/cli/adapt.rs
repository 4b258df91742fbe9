//! `rs-peft adapt`: from labelled images to a model directory.

use std::path::PathBuf;

use clap::ValueEnum;
use rs_peft::BackendKind;
use rs_peft::adapt::{AdaptPlan, AdaptRequest, AdaptRun, Adapted, EffortPreset, resolve};
use rs_peft::adapted::KeepBackbone;
use rs_peft::rs_datasets::Task;
use rs_peft::run::Session;
use rs_peft::training::{Clock, ConsoleProgress, Progress};
use rs_peft::vit_backbone::PatchEmbedInit;

use super::clock;

const EXAMPLES: &str = "\
Examples:
  A folder with a folder per class, the shipped backbone, LoRA of rank 8:
    rs-peft adapt --data chips --out model
  13 bands, all of them through a widened patch embedding, BitFit:
    rs-peft adapt --data eurosat_ms --adapt-bands mean --method bitfit --out model
  Masks listed in a manifest, DEFLECT, ten epochs:
    rs-peft adapt --data manifest.toml --method deflect --epochs 10 --out model
  A split of one's own:
    rs-peft data split chips --test 0.3 --output chips.split
    rs-peft adapt --data chips --split chips.split --out model
  What would be run, as a file that --experiment reads:
    rs-peft adapt --data chips --rank 4 --set train.warmup=0.2 --dry-run > mine.toml
    rs-peft adapt --experiment mine.toml --out model

Killed and started again with the same arguments, it goes on from its last checkpoint in OUT.partial.";

/// Arguments of `adapt`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder with a folder per class, zip of one, or CSV or TOML manifest; with --experiment the folder of its data.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Name of a data set whose layout --data has, e.g. eurosat_ms.
    #[arg(long)]
    dataset: Option<String>,
    /// An experiment file, as --dry-run prints it, or a row of a table.
    #[arg(long)]
    experiment: Option<PathBuf>,
    /// The model directory to write.
    #[arg(long, required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// What the labels are; as the data says if absent.
    #[arg(long, value_enum)]
    task: Option<TaskName>,
    /// What is trained in the backbone; `rs-peft methods` lists all. [default: lora]
    #[arg(long)]
    method: Option<String>,
    /// Rank, of methods that have one.
    #[arg(long)]
    rank: Option<usize>,
    /// Checkpoint file, `shipped` or `random`. [default: shipped]
    #[arg(long)]
    backbone: Option<String>,
    /// Bands that enter the backbone, comma-separated, those it knows first.
    #[arg(long, value_delimiter = ',')]
    bands: Vec<String>,
    /// Bands that DEFLECT reads as spectra. [default: all]
    #[arg(long, value_delimiter = ',')]
    spectral: Vec<String>,
    /// How the patch embedding gets channels for bands that it does not know. [default: select]
    #[arg(long, value_enum)]
    adapt_bands: Option<AdaptBands>,
    /// Side of the input, or of the windows of a class per pixel. [default: 64 for the shipped backbone, 224 for others]
    #[arg(long)]
    size: Option<usize>,
    /// Passes over the training images. [default: as --preset says]
    #[arg(long)]
    epochs: Option<usize>,
    /// Peak learning rate of what is trained in the backbone. [default: the method's]
    #[arg(long)]
    lr: Option<f64>,
    /// Images per step. [default: 32]
    #[arg(long)]
    batch: Option<usize>,
    /// Seed of the split, the initialisation and the order of the images. [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Share of the images that is held out and scored. [default: the parts that the data come in, else 0.2]
    #[arg(long)]
    val_fraction: Option<f64>,
    /// Split file, as `rs-peft data split` or `data make-long-tail` writes it: trains on `train`, scores `test`, else `validation`.
    #[arg(long, conflicts_with = "val_fraction")]
    split: Option<PathBuf>,
    /// quick: 5 epochs; default: 20; thorough: 60, and UPerNet for a class per pixel.
    #[arg(long)]
    preset: Option<EffortPreset>,
    /// Any key of the experiment, e.g. train.warmup=0.2 or method.alpha=16; may be repeated.
    #[arg(long)]
    set: Vec<String>,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
    /// Whether the checkpoint of the backbone is copied into the model directory.
    #[arg(long, value_enum, default_value = "small")]
    keep_backbone: Keep,
    /// Replace a model that is there.
    #[arg(long)]
    force: bool,
    /// Print the experiment as TOML and stop.
    #[arg(long)]
    dry_run: bool,
    /// Print the scores as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum TaskName {
    Classification,
    Segmentation,
    Detection,
}

#[derive(Clone, Copy, ValueEnum)]
enum AdaptBands {
    Select,
    Repeat,
    Mean,
    Random,
    Zero,
}

#[derive(Clone, Copy, ValueEnum)]
enum Keep {
    /// A file of up to 64 MiB is.
    Small,
    /// It is.
    Copy,
    /// Its path is kept.
    Link,
}

impl Args {
    fn request(&self) -> AdaptRequest {
        AdaptRequest {
            data: self.data.clone(),
            dataset: self.dataset.clone(),
            experiment: self.experiment.clone(),
            task: self.task.map(|task| match task {
                TaskName::Classification => Task::Classification,
                TaskName::Segmentation => Task::Segmentation,
                TaskName::Detection => Task::OrientedDetection,
            }),
            method: self.method.clone(),
            rank: self.rank,
            backbone: self.backbone.clone(),
            bands: self.bands.clone(),
            spectral: self.spectral.clone(),
            adapt_bands: self.adapt_bands.map(|init| match init {
                AdaptBands::Select => PatchEmbedInit::Select,
                AdaptBands::Repeat => PatchEmbedInit::Repeat,
                AdaptBands::Mean => PatchEmbedInit::Mean,
                AdaptBands::Random => PatchEmbedInit::Random,
                AdaptBands::Zero => PatchEmbedInit::Zero,
            }),
            size: self.size,
            epochs: self.epochs,
            learning_rate: self.lr,
            batch: self.batch,
            seed: self.seed,
            val_fraction: self.val_fraction,
            split: self.split.clone(),
            preset: self.preset,
            set: self.set.clone(),
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let plan = resolve(&args.request(), scratch.path())?;
    drop(scratch);
    if args.dry_run {
        print!("{}", plan.to_toml()?);
        return Ok(());
    }
    let Some(out) = &args.out else {
        return Ok(()); // Required without --dry-run.
    };
    eprintln!("{}", summary(&plan));
    let progress = || -> Box<dyn Progress> {
        let time: Clock = Box::new(clock());
        Box::new(ConsoleProgress::stderr("adapt", time))
    };
    let time = clock();
    let done = AdaptRun {
        plan: &plan,
        out,
        backend: args.backend,
        keep: match args.keep_backbone {
            Keep::Small => KeepBackbone::Small,
            Keep::Copy => KeepBackbone::Copy,
            Keep::Link => KeepBackbone::Link,
        },
        force: args.force,
        session: Session {
            progress: Some(&progress),
            ..Session::default()
        },
        clock: &time,
    }
    .run()?;
    if args.json {
        let training = &done.manifest.training;
        let value = serde_json::json!({
            "model": out,
            "finished_before": done.output.is_none(),
            "scores": training.scores,
            "n_train": training.n_train,
            "n_held_out": training.n_held_out,
            "trainable_parameters": training.trainable_parameters,
            "seconds": done.output.as_ref().and_then(|output| output.result.seconds),
            "peak_memory_bytes": done.output.as_ref().and_then(|output| output.peak_memory_bytes),
            "per_class": done.output.as_ref().and_then(|output| output.result.per_class.as_ref()),
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print!("{}", table(&done));
        println!("{}", out.display());
    }
    Ok(())
}

/// What is about to be run, in a line.
fn summary(plan: &AdaptPlan) -> String {
    let experiment = &plan.experiment;
    format!(
        "{}: {} of {} pixels, {} epochs of batches of {}, rate {}",
        experiment.title,
        experiment.input.bands.join(","),
        experiment.input.size,
        experiment.train.epochs,
        experiment.train.batch_size,
        experiment.train.learning_rate,
    )
}

fn table(done: &Adapted) -> String {
    let training = &done.manifest.training;
    let count = |value: Option<u64>| value.map_or("unknown".into(), |value| value.to_string());
    let mut text = String::new();
    if done.output.is_none() {
        text.push_str("This model is there already; --force trains it again.\n");
    }
    text.push_str(&format!(
        "{} images for training, {} held out; {} parameters trained\n\n",
        count(training.n_train),
        count(training.n_held_out),
        count(training.trainable_parameters)
    ));
    text.push_str(&super::scores::table(&training.scores));
    if let Some(per_class) = done
        .output
        .as_ref()
        .and_then(|output| output.result.per_class.as_ref())
    {
        text.push('\n');
        text.push_str(&super::scores::per_class(per_class));
    }
    text
}
