//! `rs-peft inspect`: what a file or folder holds, without loading it.

mod adapter;
mod checkpoint;
mod dataset;
mod diffusion;
mod facts;
mod image;
mod model;
mod split;
mod tensors;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rs_peft::adapted::MANIFEST_FILE;
use rs_peft::rs_datasets::io::FileKind;

const EXAMPLES: &str = "\
Examples:
  rs-peft inspect dinov2_vitb14_pretrain.pth
  rs-peft inspect model                           # what `adapt` wrote
  rs-peft inspect lora_directory --json           # a PEFT directory, also of Python peft
  rs-peft inspect scene.tif                       # bands, size, type, georeference; nothing is decoded
  rs-peft inspect chips                           # a folder of images: classes, bands, parts
  rs-peft inspect eurosat --dataset eurosat_ms

What is found: checkpoints (safetensors, .pth, folders of transformers and diffusers), model and PEFT directories, DEFLECT's files, files of features,
clusters and calibrated features, images (TIFF, JPEG, PNG, npy), split files, data sets (folders, zips, manifests). The JSON has the kind under `kind`.";

/// Arguments of `inspect`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A checkpoint, an adapter, an image, a split or a data set.
    file: PathBuf,
    /// Name of a data set whose layout FILE has, e.g. eurosat_ms.
    #[arg(long)]
    dataset: Option<String>,
    /// List the tensors of every block, not of the first alone.
    #[arg(long)]
    all: bool,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

/// What a path is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Diffusion,
    Model,
    Peft,
    Checkpoint,
    Image,
    Split,
    Dataset,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (path, json) = (args.file.as_path(), args.json);
    let kind = match args.dataset {
        Some(_) => Kind::Dataset,
        None => kind(path),
    };
    match kind {
        Kind::Diffusion => diffusion::run(path, json),
        Kind::Model => model::run(path, json),
        Kind::Peft => adapter::run(path, json),
        Kind::Image => image::run(path, json),
        Kind::Split => split::run(path, json),
        Kind::Dataset => dataset::run(path, args.dataset.as_deref(), json),
        // Files of tensors tell in their metadata when they are no checkpoints.
        Kind::Checkpoint if tensors::run(path, json)? => Ok(()),
        Kind::Checkpoint => checkpoint::run(path, args.all, json),
    }
}

/// By what lies in a folder, and by name and first bytes of a file; whatever else may be a checkpoint.
fn kind(path: &Path) -> Kind {
    let has = |name: &str| path.join(name).is_file();
    if diffusion::is_directory(path) {
        return Kind::Diffusion;
    }
    if path.is_dir() {
        return if has(MANIFEST_FILE) {
            Kind::Model
        } else if has("adapter_config.json") {
            Kind::Peft
        } else if has("config.json") || holds_weights(path) {
            Kind::Checkpoint
        } else {
            Kind::Dataset
        };
    }
    let name = path.to_string_lossy();
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    if starts_as_split(path) {
        return Kind::Split;
    }
    match ending.as_deref() {
        Some("csv" | "toml" | "zip") => Kind::Dataset,
        _ if FileKind::of_name(&name).is_some() => Kind::Image,
        _ => Kind::Checkpoint,
    }
}

/// Whether a folder itself holds a file of weights.
fn holds_weights(path: &Path) -> bool {
    let weights = |name: &str| {
        [".safetensors", ".bin", ".pth", ".pt"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let mut entries = path.read_dir().into_iter().flatten().flatten();
    entries.any(|entry| weights(&entry.file_name().to_string_lossy()))
}

fn starts_as_split(path: &Path) -> bool {
    let mut start = [0u8; 18];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == b"# rs-datasets spli"
}
